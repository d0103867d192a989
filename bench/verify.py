"""verify on a whole pipeline, level by level: seconds at 61,443 records.

python bench/verify.py [--records 61443] [--rounds 5]

The vectors are random: verify reads their length and their text's hash, never their meaning.
"""

import argparse
import itertools
import statistics
import time

from common import machine, seconds, services, versions

from bictl.clients import Clients
from bictl.embeddings.layout import TEXT_RULE
from bictl.local.catalogue import Catalogue
from bictl.local.changes import Round, snapshot
from bictl.local.events import events
from bictl.settings import Settings
from bictl.verify import Report, verify

DAY = 86_400_000
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
    options.add_argument("--records", type=int, default=61_443)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    print(machine(), versions("psycopg2-binary", "isal", "kafka-python"), sep="; ")
    with services() as (settings, environment), Clients(settings) as clients:
        fill(settings, clients, environment, chosen.records)
        for level in ("quick", "default", "deep"):
            measure(settings, clients, level, chosen.rounds)


def fill(settings: Settings, clients: Clients, environment: dict, records: int) -> None:
    """A pipeline of so many records, with everything in its place."""
    from bictl.pipeline import Work, embed, ingest, load_bronze, transform

    table = settings.table("product")
    began = int(time.time() * 1000) - DAY
    first = Round(started=began, products=records, changes=0)
    produce(settings, table.topic, snapshot(Catalogue(), first))
    work = Work(clients=clients, settings=settings, run="00000000-0000-0000-0000-000000000000")
    print(f"ingest {seconds(lambda: ingest(work, table)):.2f} s")
    print(f"load-bronze {seconds(lambda: load_bronze(work, table)):.2f} s")
    print(f"transform {seconds(lambda: transform(work, [table])):.2f} s")
    embed(work, table, limit=1)
    clients.database.execute("truncate analytics_features.product_embeddings")
    clients.database.execute(VECTORS, [TEXT_RULE, settings.embedding.model])


def produce(settings: Settings, topic: str, changes) -> None:
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient

    servers = settings.kafka.bootstrap_servers
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics(
        {topic: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True
    )
    admin.close()
    producer = KafkaProducer(
        bootstrap_servers=servers, linger_ms=50, batch_size=4 << 20, max_request_size=64 << 20
    )
    for event in itertools.chain.from_iterable(events(change, topic) for change in changes):
        producer.send(topic, key=event.key, value=event.value, timestamp_ms=event.timestamp)
    producer.flush(60)
    producer.close()


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
