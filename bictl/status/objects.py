"""The objects' side: which batches stand there, and how far each partition was sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.ingest.acks import Ack, list_acks
from bictl.ingest.frontier import Generation, generations, newest, partitions
from bictl.ingest.frontier_object import read_kept
from bictl.records import BatchName, parse_batch_key

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One listed batch; `span` is how many offsets it answers for: at least its records."""

    key: str
    span: int


@dataclass(frozen=True, kw_only=True)
class Objects:
    """What stands under a table's prefix; frontiers by generation and partition."""

    batches: tuple[Batch, ...]
    bytes: int
    newest: datetime | None
    generations: tuple[Generation, ...]
    acks: tuple[Ack, ...]
    frontiers: dict[str, dict[int, int]]


def read_objects(objects: "ObjectStore", table: "Table") -> Objects:
    """One listing, and the manifest of each partition's newest batch."""
    kept = read_kept(objects, table.prefix)
    known = generations(objects, table.prefix, kept=kept)
    frontiers = {
        generation.name: {
            partition: found.next
            for partition in partitions(objects, table.prefix, generation.name, kept=kept)
            if (found := newest(objects, table.prefix, generation.name, partition, kept=kept))
        }
        for generation in known
    }
    named: list[tuple[BatchName, str]] = []
    size, written = 0, None
    for info in objects.list(table.prefix):
        name = parse_batch_key(table.prefix, info.key)
        if name is not None:
            named.append((name, info.key))
            size += info.size
            written = info.modified if written is None else max(written, info.modified)
    return Objects(
        batches=tuple(_spans(named, frontiers)),
        bytes=size,
        newest=written,
        generations=tuple(known),
        acks=tuple(list_acks(objects, table.prefix)),
        frontiers=frontiers,
    )


def _spans(named: list[tuple[BatchName, str]], frontiers: dict[str, dict[int, int]]) -> list[Batch]:
    """Each batch's offsets: up to the next one's first, the last one's up to the frontier."""
    chains: dict[tuple[str, int], list[tuple[int, str]]] = {}
    for name, key in named:
        chains.setdefault((name.generation, name.partition), []).append((name.first, key))
    found = []
    for (generation, partition), chain in chains.items():
        chain.sort()
        end = frontiers.get(generation, {}).get(partition, chain[-1][0])
        firsts = [first for first, _ in chain]
        for (first, key), after in zip(chain, [*firsts[1:], end], strict=True):
            found.append(Batch(key=key, span=max(0, after - first)))
    return found
