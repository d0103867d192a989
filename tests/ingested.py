"""Small records for a topic, and what ingest made of them: fixtures for more than one conftest."""

from collections.abc import Callable
from contextlib import closing

import pytest

from bictl.clients import Clients
from bictl.ingest import IngestResult, generations, ingest, partitions
from bictl.ingest.frontier import names
from bictl.settings import Ingest, Settings, Table
from bictl.wire import Line, parse_line, read_lines

NOON = 1_795_000_000_000


def records(count: int, *, first: int = 0, partition: int = 0, word: str = "v") -> list[tuple]:
    """`count` small records, each unlike the others."""
    return [
        (
            b'{"ID":%d}' % number,
            b'{"op":"c","n":%d,"word":"%b"}' % (number, word.encode()),
            [("source", b"test")],
            NOON + number,
            partition,
        )
        for number in range(first, first + count)
    ]


def sealed_lines(clients: Clients, table: Table) -> list[Line]:
    objects, prefix = clients.objects, table.prefix
    return [
        parse_line(text)
        for generation in generations(objects, prefix)
        for partition in partitions(objects, prefix, generation.name)
        for name in names(objects, prefix, generation.name, partition)
        for text in read_lines(objects.get(name.key(prefix))[0])
    ]


@pytest.fixture
def table(settings: Settings) -> Table:
    return settings.table("product")


@pytest.fixture
def run(clients: Clients, table: Table) -> Callable[..., IngestResult]:
    """`run(batch_records=10, …)`: ingest of the test's table."""

    def ingest_now(
        *, batch_records: int = 20_000, batch_bytes: int = 128 << 20, **options
    ) -> IngestResult:
        options = {"reader": clients.reader, "run": "test", "table": table, **options}
        limits = Ingest(batch_records=batch_records, batch_bytes=batch_bytes)
        return ingest(options.pop("reader"), clients.objects, limits=limits, **options)

    return ingest_now


@pytest.fixture
def lines(clients: Clients, table: Table) -> Callable[[], list[Line]]:
    """Every record that is sealed, in the order of generation, partition and offset."""
    return lambda: sealed_lines(clients, table)


@pytest.fixture
def keys(clients: Clients, table: Table) -> Callable[[], dict[str, str]]:
    """Every object under the prefix, with its etag."""
    return lambda: {info.key: info.etag for info in clients.objects.list(table.prefix)}


@pytest.fixture
def delete_topic(settings: Settings) -> Callable[[str], None]:
    def delete(topic: str) -> None:
        from kafka.admin import KafkaAdminClient

        with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)) as admin:
            admin.delete_topics([topic])

    return delete
