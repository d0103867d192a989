"""ingest against poll–json.loads–json.dumps–PUT on the same topic, in turn; and its peak memory.

python bench/ingest.py [--records 61443] [--rounds 3]
"""

import argparse
import gzip
import itertools
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from baseline_ingest import ingest_by_parsing
from common import machine, pairs, services, versions
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from bictl.clients import Clients
from bictl.ingest import ingest
from bictl.settings import Settings, Table
from bictl.wire import parse_line, read_lines

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "sqlserver"


def main() -> None:
    """Both wire shapes, each checked to have kept the same information."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=61_443)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    print(machine(), versions("kafka-python", "crc32c", "isal", "orjson"), sep="; ")
    for shape in ("product_schema", "product_plain"):
        with services() as (settings, _), Clients(settings) as clients:
            table = replace(settings.table("product"), topic=f"bench.{shape}")
            publish(settings, table.topic, shape, chosen.records)
            compare(clients, settings, table, chosen.records, chosen.rounds)


def compare(clients: Clients, settings: Settings, table: Table, records: int, rounds: int) -> None:
    """Reads the topic in both ways, each time into an empty prefix."""
    runs = itertools.count()

    def ours() -> None:
        fresh = replace(table, prefix=f"bench/{table.topic}/{next(runs)}/")
        result = ingest(
            clients.reader, clients.objects, table=fresh, limits=settings.ingest, run="bench"
        )
        assert result.records == records

    def baseline() -> None:
        found = ingest_by_parsing(
            settings.kafka.bootstrap_servers,
            clients.objects._client,
            clients.objects.bucket,
            table.topic,
            records,
            batch=settings.ingest.batch_records,
        )
        assert found == records

    found = pairs(ours, baseline, rounds=rounds)
    check_same(clients, table, records)
    line = found.line(f"{table.topic}, {records} records", baseline="poll-loads-dumps-put")
    print(line)
    print(f"  {records / min(found.ours):,.0f} records/s at best; {sizes(clients, table)}")


def check_same(clients: Clients, table: Table, records: int) -> None:
    """Record for record, both ways kept the same information."""
    ours = (parse_line(text) for text in texts(clients, f"bench/{table.topic}/0/"))
    theirs = (json.loads(text) for text in texts(clients, f"baseline/{table.topic}/"))
    count = 0
    for line, other in zip(ours, theirs, strict=True):
        assert (line.offset, line.timestamp) == (other["offset"], other["timestamp"])
        assert (None if line.key is None else json.loads(line.key)) == other["key"]
        assert (None if line.value is None else json.loads(line.value)) == other["value"]
        count += 1
    assert count == records


def texts(clients: Clients, prefix: str):
    """The lines of every object under a prefix."""
    for info in clients.objects.list(prefix):
        body = clients.objects.get(info.key)[0]
        yield from read_lines(body) if info.key.endswith(".gz") else body.split(b"\n")[:-1]


def sizes(clients: Clients, table: Table) -> str:
    """What each way left in the bucket."""
    ours = sum(info.size for info in clients.objects.list(f"bench/{table.topic}/0/"))
    theirs = sum(info.size for info in clients.objects.list(f"baseline/{table.topic}/"))
    return f"{ours / 1e6:.1f} MB of objects against {theirs / 1e6:.1f} MB"


def publish(settings: Settings, topic: str, shape: str, count: int) -> None:
    """`count` records of a fixture, over and over, into one partition."""
    servers = settings.kafka.bootstrap_servers
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.create_topics(
            {topic: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True
        )
    lines = gzip.decompress((FIXTURES / f"{shape}.jsonl.gz").read_bytes()).split(b"\n")
    known = [json.loads(line) for line in lines if line]
    with closing(
        KafkaProducer(
            bootstrap_servers=servers, linger_ms=50, batch_size=1 << 20, max_request_size=32 << 20
        )
    ) as producer:
        for one in itertools.islice(itertools.cycle(known), count):
            key, value = (None if one[part] is None else one[part].encode() for part in KEPT)
            producer.send(topic, key=key, value=value, timestamp_ms=one["timestamp"], partition=0)
        producer.flush()


KEPT = ("key", "value")

if __name__ == "__main__":
    main()
