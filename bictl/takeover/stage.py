"""Taking over: the records of old objects and rows come into sealed batches, like any others.

Old objects are read in the order of their names, and the first words about an offset stand. After
them come the bronze rows that no object holds. Nothing old is changed or deleted; killed anywhere,
the next run goes on with what no batch covers yet.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.bronze.prepare import instant
from bictl.ingest.frontier import Generation
from bictl.ingest.frontier_object import read_kept
from bictl.ingest.old_objects import BadLine, Note, write_note
from bictl.ingest.places import known_places
from bictl.ingest.seal import Sealer
from bictl.records import OnProgress, Progress, Range, Stop, Topic, never_stop, no_progress
from bictl.settings import Ingest, Table
from bictl.takeover.decide import Decision, current_generation
from bictl.takeover.lines import LineParser, OldRecord
from bictl.takeover.pending import Pending
from bictl.takeover.result import TakeoverResult
from bictl.takeover.same import is_same_record
from bictl.takeover.seal import Coverage, Different, Sealing, islands

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectInfo, ObjectStore
    from bictl.clients.topics import TopicReader

_LIST_BYTES = 64 << 20  # of rows that are sealed at once


def take_over(
    reader: "TopicReader",
    objects: "ObjectStore",
    database: "Database",
    *,
    table: Table,
    decision: Decision,
    pending: Pending,
    limits: Ingest,
    run: str,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> TakeoverResult:
    """Seals what is pending; the table's bronze table is ours already.

    Kafka is asked for its own bytes where the old records are of the topic as it is now.
    """
    sealing = _open(reader, objects, table=table, decision=decision, limits=limits, run=run)
    result = TakeoverResult(table=table.name, generation=decision.generation, why=decision.why)
    for number, info in enumerate(pending.objects):
        on_progress(_progress(number, len(pending.objects), sealing))
        if stop():
            break
        note, bad, different = _take_object(sealing, objects, table, info, run)
        _note_conflicts(database, sealing, info, different)
        write_note(objects, table.prefix, note)
        result = result.with_object(note, bad, different)
    if pending.rows and not stop():
        whole = _take_rows(sealing, database, table, decision, stop)
        result = result.with_rows(whole=whole)
    on_progress(_progress(len(pending.objects), len(pending.objects), sealing))
    return result.counted(sealing.batches, sealing.records, interrupted=stop())


def _open(
    reader: "TopicReader",
    objects: "ObjectStore",
    *,
    table: Table,
    decision: Decision,
    limits: Ingest,
    run: str,
) -> Sealing:
    generation = Generation(decision.number, decision.generation, table.topic)
    topic, offsets = Topic(table.topic, decision.cluster, None, ()), {}
    if not decision.is_legacy:
        now = reader.describe(table.topic)
        current = current_generation(objects, now, table=table)
        if current is not None and current.name == decision.generation:
            topic, offsets = now, reader.offsets(now.name, now.partitions)
    kept = read_kept(objects, table.prefix)
    places = known_places(objects, table.prefix, generation, kept=kept)
    sealer = Sealer(
        objects=objects,
        prefix=table.prefix,
        topic=topic,
        generation=generation,
        run=run,
        places={partition: place.known for partition, place in places.items()},
        notes=[],
    )
    for place in places.values():  # a killed run may have left one behind
        if kept.found.get(place.known.place) != place.known:
            sealer.keep(place.known)
    return Sealing(
        sealer=sealer,
        coverage=Coverage(sealer),
        limits=limits,
        reader=reader if offsets else None,
        offsets=offsets,
    )


def _take_object(
    sealing: Sealing, objects: "ObjectStore", table: Table, info: "ObjectInfo", run: str
) -> tuple[Note, list[BadLine], list[Different]]:
    """Seals the records of one old object."""
    body, _ = objects.get(info.key)
    by_partition, bad, different = read_object(body, table.topic, info.key)
    for records in by_partition.values():
        different += sealing.seal(records)
    note = Note(
        object=info.key,
        etag=info.etag,
        generation=sealing.sealer.generation.name,
        records=sum(map(len, by_partition.values())),
        different=len(different),
        bad_lines=len(bad),
        bad=tuple(bad),
        ranges=tuple(
            Range(partition, island[0].offset, island[-1].offset + 1)
            for partition, records in by_partition.items()
            for island in islands(records)
        ),
        run=run,
    )
    return note, bad, different


def read_object(
    body: bytes, topic: str, key: str
) -> tuple[dict[int, list[OldRecord]], list[BadLine], list[Different]]:
    """The records of an old object by partition, ascending; its lines that are none; and those that
    say something else about an offset than a line before them."""
    parser, bad, different = LineParser(topic), list[BadLine](), list[Different]()
    found: dict[int, dict[int, OldRecord]] = {}
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = parser.parse(line, number)
        except ValueError as error:
            bad.append(BadLine(line=number, reason=str(error)))
            continue
        first = found.setdefault(record.partition, {}).setdefault(record.offset, record)
        if first is not record and not is_same_record(first, record):
            different.append(Different(old=record, standing=f"{key} line {first.line}"))
    ordered = {
        partition: [records[offset] for offset in sorted(records)]
        for partition, records in sorted(found.items())
    }
    return ordered, bad, different


def _note_conflicts(
    database: "Database", sealing: Sealing, info: "ObjectInfo", different: Sequence[Different]
) -> None:
    """Keeps, whole, what does not stand."""
    for one in different:
        database.execute(
            assets.sql("bronze/note_conflict"),
            {
                "topic": sealing.sealer.topic.name,
                "generation": sealing.sealer.generation.name,
                "partition": one.old.partition,
                "offset": one.old.offset,
                "instant": instant(one.old.timestamp),
                "key": one.old.key,
                "value": one.old.value,
                "file": info.key,
                "sha256": hashlib.sha256(f"{info.etag}:{one.old.line}".encode()).hexdigest(),
                "standing": one.standing,
            },
        )


def _take_rows(
    sealing: Sealing,
    database: "Database",
    table: Table,
    decision: Decision,
    stop: Stop,
) -> bool:
    """Seals the rows that no batch covers; whether all of them are sealed now."""
    place: dict[str, Any] = {
        "topic": table.topic,
        "generation": decision.generation,
        "ours": f"{table.prefix}generation=",
    }
    query = database.named("takeover/row_partitions", table=table.bronze)
    for (partition,) in database.rows(query, place):
        covered = _multirange(sealing.coverage.ranges(partition))
        values = {**place, "partition": partition, "covered": covered}
        rows = database.stream(database.named("takeover/rows", table=table.bronze), values)
        for records in _lists(rows, sealing.limits.batch_records):
            if stop():
                return False
            sealing.seal(records)  # what differs from Kafka is a conflict when it is loaded
    _note_rows(sealing, database, table, place)
    database.execute(assets.sql("takeover/sealed"), {"bronze": table.bronze})
    return True


def _note_rows(sealing: Sealing, database: "Database", table: Table, place: dict[str, Any]) -> None:
    """Notes which offsets the old rows have, all of them: a killed run may have sealed some."""
    query = database.named("verify/old_rows", bronze=table.bronze)
    ranges = tuple(
        Range(partition, first, after)
        for generation, partition, first, after in database.rows(query, place)
        if generation == place["generation"]
    )
    note = Note(
        object=table.bronze,
        etag="rows",
        generation=place["generation"],
        records=sum(map(len, ranges)),
        ranges=ranges,
    )
    if ranges:
        write_note(sealing.sealer.objects, table.prefix, note)


def _lists(rows: Iterator[tuple[Any, ...]], most: int) -> Iterator[list[OldRecord]]:
    """Rows as records, so many at once that memory stays flat."""
    records, size = list[OldRecord](), 0
    for partition, offset, timestamp, key, value in rows:
        raw_key, raw_value = (None if part is None else part.encode() for part in (key, value))
        records.append(OldRecord(partition, offset, timestamp, raw_key, raw_value))
        size += len(raw_key or b"") + len(raw_value or b"")
        if len(records) >= most or size >= _LIST_BYTES:
            yield records
            records, size = [], 0
    if records:
        yield records


def _multirange(ranges: Sequence[Range]) -> str:
    return f"{{{','.join(f'[{one.first},{one.next})' for one in ranges)}}}"


def _progress(done: int, total: int, sealing: Sealing) -> Progress:
    return Progress(
        stage="takeover",
        done=done,
        total=total,
        unit="old objects",
        note=f"{sealing.records:,} records",
    )
