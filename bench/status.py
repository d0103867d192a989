"""status and the ledger of runs on a whole pipeline: milliseconds at two sizes.

python bench/status.py [--records 61443 250000 | --million] [--rounds 7] [--runs 100000]

What is more than 61,443 records is the history of as many products. `gather` is a look at all three
services with fresh connections, as one process makes it; `bictl status` is a whole cold process.
The ledger is filled with as many rows as a crontab writes in weeks.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from common import add_sizes, machine, run, services, versions
from verify import fill

from bictl.clients import Clients
from bictl.ops import ledger
from bictl.settings import Settings
from bictl.status import gather
from bictl.status.postgres import BUDGET, STAGES, read_rows

LEDGER = """
insert into bictl.run (run_id, command, arguments, version, host, pid, started_at, finished_at,
                       status, exit_code, result)
select gen_random_uuid(),
       (array['ingest', 'load-bronze', 'transform', 'embed', 'verify'])[1 + n %% 5],
       '{"tables": ["product"], "words": ["-q", "run"]}', '0', 'here', 1,
       now() - make_interval(mins => n), now() - make_interval(mins => n), 'ok', 0,
       '{"summary": "nothing to do"}'
from generate_series(%s, 1, -1) n
"""


def main() -> None:
    """Each size in a stack of its own; the median of the rounds, and their spread."""
    options = argparse.ArgumentParser(description=__doc__)
    add_sizes(options)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--runs", type=int, default=100_000)
    chosen = options.parse_args()
    print(machine(), versions("psycopg2-binary", "kafka-python", "boto3"), sep="; ")
    for records in chosen.records:
        with services() as (settings, environment), Clients(settings) as clients:
            fill(settings, clients, records)
            print(f"{records:,} records:")
            report(settings, clients, chosen.rounds)
            command = (sys.executable, "-m", "bictl", "status", "-o", "json")
            tell("the whole process", partial(run, *command, env=environment), chosen.rounds)
            clients.database.execute(LEDGER, [chosen.runs])
            clients.database.execute("analyze bictl.run")
            print(f"with {chosen.runs:,} rows in the ledger:")
            report(settings, clients, chosen.rounds)
            read(settings, clients, chosen.rounds)


def read(settings: Settings, clients: Clients, rounds: int) -> None:
    """What `bictl runs` asks."""
    database = clients.database
    newest = partial(ledger.runs, database)
    tell("runs list", newest, rounds)
    tell("runs list --state fail", partial(newest, state="fail"), rounds)
    tell("runs show", partial(ledger.find, database, newest()[0].run_id[:8]), rounds)
    last = partial(ledger.last, database, stages=STAGES)
    tell("runs last", partial(last, tables=list(settings.tables)), rounds)
    tell("runs last of a table that never ran", partial(last, tables=["nothing"]), rounds)


def report(settings: Settings, clients: Clients, rounds: int) -> None:
    """A look, its Postgres part alone, and what it found."""
    table, schema = settings.table("product"), settings.dbt.view_schema
    look = partial(
        gather,
        partial(Clients, settings),
        [table],
        staging_schema=schema,
        max_lag=300,
        patience=30.0,
    )
    tell("gather", look, rounds)
    staging = f"{schema}.{table.staging}"
    with closing(clients.new_database(statement_timeout=BUDGET)) as impatient:
        ask = partial(read_rows, clients.database, impatient, table, staging=staging)
        tell("of it Postgres", ask, rounds)
    layers = look().tables[0].layers
    print("  " + ", ".join(f"{layer.name} {layer.words} ({layer.how})" for layer in layers))


def tell(name: str, do: Callable[[], object], rounds: int) -> None:
    """Milliseconds of the rounds, the first of which is not counted."""
    do()
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        do()
        found.append((time.perf_counter() - started) * 1000)
    middle = statistics.median(found)
    print(f"  {name}: {middle:.0f} ms ({min(found):.0f} to {max(found):.0f}, {rounds} rounds)")


if __name__ == "__main__":
    main()
