"""Small records for a topic, and what ingest made of them."""

from bictl.clients import Clients
from bictl.ingest import generations, partitions
from bictl.ingest.frontier import names
from bictl.settings import Table
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
