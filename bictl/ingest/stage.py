"""Kafka → objects: fix the end of every partition, drain to it, seal batch by batch.

The objects are the truth: the frontier is read from them, and a run may be killed at any instant.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl.errors import BictlError
from bictl.ingest.acks import Ack, list_acks
from bictl.ingest.drain import Drain
from bictl.ingest.frontier import Generation, chain, check_prefix, generations
from bictl.ingest.frontier_object import Anchor, FrontierObject, Kept, read_kept
from bictl.ingest.identity import check_anchors, choose_generation, recreated
from bictl.ingest.places import Place, known_places
from bictl.ingest.plan import Span, gone_twice, holes, late_starts, not_acked, plan, still_served
from bictl.ingest.report import IngestResult, PartitionResult
from bictl.ingest.seal import Sealed, Sealer
from bictl.records import (
    OnProgress,
    Progress,
    Range,
    Stop,
    Topic,
    never_stop,
    no_progress,
)
from bictl.settings import Ingest, Table

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader


@dataclass(frozen=True, kw_only=True)
class Work:
    """What there is to read, decided before anything is."""

    topic: Topic
    generation: Generation
    spans: Sequence[Span]
    holes: Sequence[Range]
    places: Mapping[int, Place]
    kept: Kept
    warnings: Sequence[str] = ()

    @property
    def offsets(self) -> int:
        """How many offsets: at least as many as records."""
        return sum(len(span.range) for span in self.spans) + sum(map(len, self.holes))

    @property
    def anchors(self) -> dict[int, Anchor]:
        """The last sealed record of each partition."""
        return {
            partition: place.known.anchor
            for partition, place in self.places.items()
            if place.known.anchor is not None
        }

    @property
    def lagging(self) -> list[FrontierObject]:
        """Frontier objects that are missing, damaged or behind the batches, as they should be."""
        found = self.kept.found
        known = [place.known for place in self.places.values()]
        return [one for one in known if found.get(one.place) != one]


def ingest(
    reader: "TopicReader",
    objects: "ObjectStore",
    *,
    table: Table,
    limits: Ingest,
    run: str,
    group: str = "",
    max_records: int | None = None,
    dry_run: bool = False,
    fill: bool = False,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> IngestResult:
    """Seals what the table's topic holds beyond the frontier, up to its end as it is now.

    `max_records` stops after exactly that many; `fill` also reads holes between batches again;
    positions are committed for `group`, when there is one, for lag monitors only. Raises
    NotFound for an unknown topic or bucket, and the LossErrors of `plan`, `identity` and `seal`.
    """
    work = survey(reader, objects, table=table, fill=fill)
    sealer = Sealer(
        objects=objects,
        prefix=table.prefix,
        topic=work.topic,
        generation=work.generation,
        run=run,
        places={partition: place.known for partition, place in work.places.items()},
        notes=[],
    )
    if not dry_run:
        for lagging in work.lagging:
            sealer.keep(lagging)
    if dry_run or not work.offsets:
        return _result(work, {}, sealer.notes, table=table, dry_run=dry_run)
    total = work.offsets if max_records is None else min(work.offsets, max_records)
    with ThreadPoolExecutor(1, thread_name_prefix="seal") as pool:
        drain = Drain(
            reader,
            sealer,
            pool,
            limits=limits,
            left=max_records,
            stop=stop,
            on_read=_Meter(on_progress, total).add,
            anchors=work.anchors,
            table=table,
        )
        sealed = [
            batch
            for wanted in [*work.holes, *(span.range for span in work.spans)]
            for batch in drain.drain(wanted)
        ]
    result = _result(work, _by_partition(sealed), sealer.notes, table=table, interrupted=stop())
    return _committed(reader, group, result)


def survey(
    reader: "TopicReader", objects: "ObjectStore", *, table: Table, fill: bool = False
) -> Work:
    """What there is to read, and whether it may be: identity, ends, retention. Writes nothing."""
    topic, kept = reader.describe(table.topic), read_kept(objects, table.prefix)
    known = generations(objects, table.prefix, kept=kept)
    acks = list_acks(objects, table.prefix)
    check_prefix(known, prefix=table.prefix, topic=topic.name)
    generation = choose_generation(topic, known=known, acks=acks)
    if generation is None:
        raise recreated(reader, objects, topic, table=table, last=known[-1], kept=kept)
    places = known_places(objects, table.prefix, generation, kept=kept)
    frontiers = {partition: place.frontier for partition, place in places.items()}
    offsets = reader.offsets(topic.name, topic.partitions, known=frontiers)
    spans = plan(offsets, frontiers=frontiers, acks=acks, generation=generation, table=table)
    starts = {partition: found.start for partition, found in offsets.items()}
    lost = not_acked([place.lost for place in places.values()], acks, generation, starts)
    work = Work(
        topic=topic,
        generation=generation,
        spans=spans,
        holes=_holes(objects, table, generation, starts, places, acks)
        if fill
        else still_served(lost, starts),
        places=places,
        kept=kept,
        warnings=[
            *kept.warnings,
            *late_starts(spans, acks=acks, generation=generation),
            *gone_twice(lost, starts),
        ],
    )
    check_anchors(reader, table=table, generation=generation, anchors=work.anchors, offsets=offsets)
    return work


class _Meter:
    """Adds up what was read, for whoever watches."""

    def __init__(self, on_progress: OnProgress, total: int) -> None:
        self._on_progress, self._total = on_progress, total
        self._records = self._bytes = 0

    def add(self, records: int, size: int) -> None:
        """So many more."""
        self._records, self._bytes = self._records + records, self._bytes + size
        self._on_progress(
            Progress(stage="ingest", done=self._records, total=self._total, bytes=self._bytes)
        )


def _holes(
    objects: "ObjectStore",
    table: Table,
    generation: Generation,
    starts: Mapping[int, int],
    places: Mapping[int, Place],
    acks: Sequence[Ack],
) -> list[Range]:
    return [
        hole
        for partition, start in sorted(starts.items())
        for hole in holes(
            chain(objects, table.prefix, generation.name, partition),
            partition=partition,
            start=start,
            end=places[partition].frontier if partition in places else start,
            acks=acks,
            generation=generation,
            table=table,
        )
    ]


def _by_partition(sealed: Sequence[Sealed]) -> dict[int, list[Sealed]]:
    found: dict[int, list[Sealed]] = {}
    for batch in sealed:
        found.setdefault(batch.manifest.partition, []).append(batch)
    return found


def _result(
    work: Work,
    sealed: Mapping[int, Sequence[Sealed]],
    warnings: Sequence[str],
    *,
    table: Table,
    dry_run: bool = False,
    interrupted: bool = False,
) -> IngestResult:
    return IngestResult(
        table=table.name,
        topic=work.topic.name,
        generation=work.generation.name,
        partitions=tuple(_partition(span, sealed.get(span.partition, ())) for span in work.spans),
        dry_run=dry_run,
        interrupted=interrupted,
        warnings=(*work.warnings, *warnings),
    )


def _partition(span: Span, sealed: Sequence[Sealed]) -> PartitionResult:
    ours = [batch for batch in sealed if not batch.adopted]
    return PartitionResult(
        partition=span.partition,
        first=span.first,
        next=max([span.first, *(batch.manifest.next for batch in sealed)]),
        end=span.end,
        records=sum(batch.manifest.records for batch in ours),
        batches=len(ours),
        adopted=len(sealed) - len(ours),
        unpacked=sum(batch.unpacked for batch in ours),
        packed=sum(batch.packed for batch in ours),
        open_offsets=span.high - span.end,
    )


def _committed(reader: "TopicReader", group: str, result: IngestResult) -> IngestResult:
    """The result, after the positions were committed for other people's monitors."""
    if not group:
        return result
    positions = {part.partition: part.next for part in result.partitions}
    try:
        reader.commit(group, result.topic, positions)
    except BictlError as error:  # nothing of ours reads them
        note = f"positions were not committed for group {group}: {error.message}"
        return replace(result, notes=(*result.notes, note))
    return result
