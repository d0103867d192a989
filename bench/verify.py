"""verify on a whole pipeline, level by level: seconds at two sizes.

python bench/verify.py [--records 61443 250000 | --million] [--rounds 5] [--against DIR]

What is more than 61,443 records is the history of as many products. The first quick look has no
full verdict to stand on and compares everything, the second has one. At the end once more on a
pruned bronze. The vectors are made up: verify reads their length and their text's hash, no more.
--against is another checkout of bictl: both commands are run in turn on the same pipeline.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from common import add_sizes, machine, pairs, seconds, services, versions
from history import publish

from bictl.clients import Clients
from bictl.embeddings.layout import TEXT_RULE
from bictl.settings import Settings
from bictl.verify import Report, verify

RUN = "00000000-0000-0000-0000-000000000000"
VECTORS = """
insert into analytics_features.product_embeddings
    (product_id, embedding, content_hash, model, name, vendor_code)
select product_id, l2_normalize(array_fill((1 + product_id %% 7)::real, array[384])::vector),
    sha256(convert_to(%s || regexp_replace(
        btrim(concat_ws(E'\\x1f', name, vendor_code, description), E' \\t\\r\\n\\x1f'),
        '\\s*\\x1f[\\s\\x1f]*', '. ', 'g'), 'UTF8')),
    %s, name, vendor_code
from staging_staging.stg_product
where concat_ws('', name, vendor_code, description) ~ '\\S'
"""


def main() -> None:
    """Every level on the same pipeline; the first run of each warms nothing for the next."""
    options = argparse.ArgumentParser(description=__doc__)
    add_sizes(options)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--against", metavar="DIR")
    chosen = options.parse_args()
    print(machine(), versions("psycopg2-binary", "isal", "kafka-python"), sep="; ")
    for records in chosen.records:
        with services() as (settings, environment), Clients(settings) as clients:
            print(f"{records:,} records:")
            fill(settings, clients, records)
            for level in ("quick", "default", "deep"):
                measure(settings, clients, level, chosen.rounds)
            stand(settings, clients)
            measure(settings, clients, "quick", chosen.rounds)
            if chosen.against:
                compare(environment, chosen.against, chosen.rounds)
            shrink(settings, clients)
            for level in ("default", "quick"):
                measure(settings, clients, level, chosen.rounds)


def fill(settings: Settings, clients: Clients, records: int) -> None:
    """A pipeline of so many records, with everything in its place."""
    from bictl.pipeline import Work, embed, ingest, load_bronze, transform

    table = settings.table("product")
    publish(settings, table.topic, records)
    work = Work(clients=clients, settings=settings, run=RUN)
    print(f"ingest {seconds(lambda: ingest(work, table)):.2f} s")
    print(f"load-bronze {seconds(lambda: load_bronze(work, table)):.2f} s")
    print(f"transform {seconds(lambda: transform(work, [table])):.2f} s")
    embed(work, table, limit=1)
    clients.database.execute("truncate analytics_features.product_embeddings")
    clients.database.execute(VECTORS, [TEXT_RULE, settings.embedding.model])


def stand(settings: Settings, clients: Clients) -> None:
    """A full verdict, kept in the ledger of runs."""
    from bictl import pipeline

    work = pipeline.Work(clients=clients, settings=settings, run=RUN)
    assert pipeline.verify(work, settings.table("product")).complete


def shrink(settings: Settings, clients: Clients) -> None:
    """Prunes whatever may go below that verdict."""
    from bictl import pipeline
    from bictl.bronze import Wish

    work = pipeline.Work(clients=clients, settings=settings, run=RUN)
    wish = Wish(before=datetime.now(UTC))
    taken = seconds(lambda: pipeline.prune(work, settings.table("product"), wish=wish))
    left = clients.database.value("select count(*) from bronze.product_cdc")
    print(f"prune {taken:.2f} s, {left:,} rows left")


def compare(environment: dict[str, str], against: str, rounds: int) -> None:
    """Whole commands, ours and the other checkout's in turn. E10 knows made-up vectors by their
    model's name and does not judge them: a deep look is unknown here."""
    here = str(Path(__file__).resolve().parent.parent)
    for level in ("--quick", "--table=product", "--deep"):

        def look(checkout: str, level: str = level) -> object:
            place = {**os.environ, **environment, "PYTHONPATH": checkout}
            command = [sys.executable, "-m", "bictl", "-q", "verify", level]
            return subprocess.run(command, env=place, capture_output=True, check=False)

        found = pairs(lambda: look(here), lambda: look(against), rounds=rounds)
        print(found.line(f"verify {level}", baseline="the other checkout"))


def measure(settings: Settings, clients: Clients, level: str, rounds: int) -> None:
    """Median and spread of one level, and what cost most in it."""
    taken, report = [], None
    for _ in range(rounds):
        started = time.perf_counter()
        report = look(settings, clients, level)
        taken.append(time.perf_counter() - started)
    assert level == "quick" or report.complete, report.headline
    print(
        f"verify {level}: {statistics.median(taken):.2f} s "
        f"({min(taken):.2f}-{max(taken):.2f}, {rounds} runs); {report.headline}"
    )
    slow = sorted(report.checks, key=lambda check: -check.seconds)[:5]
    print("  " + ", ".join(f"{check.id} {check.seconds:.2f} s" for check in slow))


def look(settings: Settings, clients: Clients, level: str) -> Report:
    return verify(
        clients.reader,
        clients.objects,
        clients.database,
        table=settings.table("product"),
        staging_schema=settings.dbt.view_schema,
        model=settings.embedding.model,
        max_lag=settings.verify.max_lag,
        level=level,
    )


if __name__ == "__main__":
    main()
