"""What was produced, and what follows from it: read from the fixture's records, without bictl."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

BATCH = 45  # records; the platform's [ingest] batch_records
PREFIX = "product/raw/"
POISON = (0, 60)  # partition and offset of a record that Postgres refuses
REFUSED = b'{"schema":null,"payload":{"before":'  # 22P02: it ends in the middle


@dataclass(frozen=True)
class Produced:
    """One record as it was produced."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int

    @cached_property
    def id(self) -> int | None:
        """The product's id; None for the refused record."""
        return None if self.value == REFUSED else json.loads(self.key)["payload"]["ID"]

    @cached_property
    def event(self) -> dict | None:
        """The envelope's payload; None for a tombstone and for the refused record."""
        return None if self.value in (None, REFUSED) else json.loads(self.value)["payload"]


class Facts:
    """The records of a topic by their place, and what has to become of them."""

    def __init__(self, rows: Iterable[tuple], partitions: int = 2) -> None:
        self.partitions = partitions
        self.records: dict[tuple[int, int], Produced] = {}
        ends = dict.fromkeys(range(partitions), 0)
        for key, value, headers, timestamp, partition in rows:
            offset = ends[partition]
            self.records[partition, offset] = Produced(
                partition, offset, key, value, tuple(headers), timestamp
            )
            ends[partition] += 1
        self.ends = ends

    def of(self, id: int) -> list[Produced]:
        """A product's records, in the order of their offsets; a key stays in its partition."""
        return [one for _, one in sorted(self.records.items()) if one.id == id]

    @cached_property
    def newest(self) -> dict[int, Produced]:
        """Each product's newest record."""
        return {one.id: one for _, one in sorted(self.records.items()) if one.id is not None}

    @cached_property
    def live(self) -> dict[int, Produced]:
        """The products that are there, with the record that says so."""
        return {
            id: one
            for id, one in self.newest.items()
            if one.event is not None and one.event["op"] != "d"
        }

    @cached_property
    def gone(self) -> list[int]:
        """Products whose newest record takes them away."""
        return sorted(self.newest.keys() - self.live.keys())

    def row(self, id: int) -> dict:
        """A live product's row as the newest record has it."""
        return self.live[id].event["after"]

    def batches(self, partition: int) -> list[tuple[int, int, int]]:
        """The ranges that ingest seals of a partition."""
        end = self.ends[partition]
        firsts = range(0, end, BATCH)
        return [(partition, first, min(first + BATCH, end)) for first in firsts]

    @property
    def spans(self) -> list[tuple[int, int, int]]:
        """The ranges of all batches."""
        return [span for partition in range(self.partitions) for span in self.batches(partition)]


def rows_of(
    samples: Iterable[tuple], *, base: int, one_in: int = 12, poison: bool = True
) -> Iterator[tuple]:
    """A few of the fixture's keys with all of their records, over two partitions, and one record
    that Postgres refuses; `base` is the time of them all, in milliseconds."""
    offset = 0
    for key, value, headers, _ in samples:
        number = json.loads(key)["payload"]["ID"]
        if number % one_in:
            continue
        partition = number // one_in % 2
        if poison and partition == POISON[0]:
            if offset == POISON[1]:
                yield key, REFUSED, headers, base, partition
            offset += 1
        yield key, value, headers, base, partition
