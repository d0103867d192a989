"""Reading bronze, the quarantine, the ledgers: what the checks need, as plain values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.relations import columns, quoted
from bictl.errors import SchemaMismatch
from bictl.records import Range
from bictl.verify.bronze import Bronze, Origin, Rejected
from bictl.verify.meta import Verdict
from bictl.verify.objects import Entry
from bictl.verify.ranges import Packed, Ranges, merged, subtract
from bictl.verify.schemas import Schemas, is_described
from bictl.verify.shelf import Place
from bictl.verify.snapshots import Snapshot

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table


def read_bronze(database: "Database", table: "Table", since: Mapping[Place, int]) -> Bronze:
    """Bronze and the quarantine; with `since` only what stands above those offsets."""
    if not columns(database, table.bronze):
        return Bronze(exists=False)
    if since:
        return _bronze_since(database, table, since)
    at = {"topic": table.topic}
    held, count, offsets = dict[Place, Packed](), 0, 0
    islands = database.named("verify/islands", bronze=table.bronze)
    for generation, partition, first, after, rows in database.stream(islands, at):
        held.setdefault((generation, partition), Packed(partition)).append(first, after)
        count, offsets = count + rows, offsets + after - first
    doubled: Mapping[Place, Sequence[Range]] = {}
    if count != offsets:
        twice = database.rows(database.named("verify/doubled", bronze=table.bronze), at)
        doubled = _places([(row[0], row[1], row[2], row[2] + 1) for row in twice])
    return Bronze(
        held=held,
        pruned=read_pruned(database, table),
        rows=count,
        doubled=doubled,
        origins=_origins(database, table),
        rejected=_rejected(database, table),
        unique=_unique(database, table),
        other_topics=_other_topics(database, table),
        old=_old(database, table) if read_takeover(database, table) else {},
    )


def _bronze_since(database: "Database", table: "Table", since: Mapping[Place, int]) -> Bronze:
    rows = []
    for (generation, partition), first in since.items():
        at = {
            "topic": table.topic,
            "generation": generation,
            "partition": partition,
            "first": first,
        }
        rows += database.rows(database.named("verify/islands_since", bronze=table.bronze), at)
    twice = [row for row in rows if row[4] != row[3] - row[2]]
    pruned = read_pruned(database, table)
    return Bronze(
        held=_places(rows),
        pruned={
            place: Packed(place[1], subtract(pruned[place], [Range(place[1], 0, first)]))
            for place, first in since.items()
            if place in pruned
        },
        rows=sum(row[4] for row in rows),
        doubled=_places(twice),
        rejected=_rejected(database, table),
        unique=_unique(database, table),
        old=_old(database, table) if read_takeover(database, table) else {},
    )


def read_takeover(database: "Database", table: "Table") -> bool | None:
    """Whether rows of other scripts may be in no object; None where the table is bictl's own."""
    if not columns(database, "bictl.takeover"):
        return None
    query = "select sealed_at is null from bictl.takeover where bronze_table = %s"
    found = database.value(query, [table.bronze])
    return None if found is None else bool(found)


def _old(database: "Database", table: "Table") -> dict[Place, Packed]:
    query = database.named("verify/old_rows", bronze=table.bronze)
    values = {"topic": table.topic, "ours": f"{table.prefix}generation="}
    return _places(database.rows(query, values))


def read_pruned(database: "Database", table: "Table") -> dict[Place, Packed]:
    """The offsets that prune has recorded; none before bictl's tables know it."""
    if not columns(database, "bictl.pruned_range"):
        return {}
    return _places(database.stream(assets.sql("verify/pruned"), {"topic": table.topic}))


def read_quarantined(database: "Database", table: "Table") -> dict[Place, Packed]:
    """The offsets that stand in the quarantine."""
    query = assets.sql("verify/quarantined_islands")
    return _places(database.stream(query, {"topic": table.topic}))


def _places(rows: Iterable[tuple[Any, ...]]) -> dict[Place, Packed]:
    """The sets of rows that come in the order of their first offsets."""
    found: dict[Place, Packed] = {}
    for generation, partition, first, after, *_ in rows:
        found.setdefault((generation, partition), Packed(partition)).append(first, after)
    return found


def _origins(database: "Database", table: "Table") -> tuple[Origin, ...]:
    rows = database.rows(
        database.named("verify/files", bronze=table.bronze), {"topic": table.topic}
    )
    return tuple(
        Origin(key=key, generation=generation, range=Range(partition, first, after), rows=count)
        for key, generation, partition, first, after, count in rows
    )


def _rejected(database: "Database", table: "Table") -> tuple[Rejected, ...]:
    rows = database.rows(assets.sql("verify/quarantine"), {"topic": table.topic})
    return tuple(
        Rejected(sqlstate=state, reason=reason, count=count, since=since)
        for state, reason, count, _, _, since in rows
    )


def _unique(database: "Database", table: "Table") -> tuple[tuple[str, ...], ...]:
    rows = database.rows(assets.sql("verify/unique_index"), {"table": quoted(table.bronze)})
    return tuple(tuple(names) for (names,) in rows)


def _other_topics(database: "Database", table: "Table") -> dict[str, int]:
    rows = database.rows(
        database.named("verify/other_topics", bronze=table.bronze), {"topic": table.topic}
    )
    return dict(rows)


def read_ledger(database: "Database", table: "Table") -> tuple[Entry, ...]:
    """The ledger's rows of the table's topic."""
    rows = database.rows(assets.sql("verify/ledger"), {"topic": table.topic})
    return tuple(
        Entry(
            key=row[0],
            sha256=row[1],
            generation=row[2],
            range=Range(*row[3:6]),
            records=row[6],
            size=row[7],
            sealed=row[8],
            stamps=row[9:12],
        )
        for row in rows
    )


def snapshot_begins(database: "Database", table: "Table", generation: str) -> frozenset[int]:
    """The partitions of a generation that bronze holds from before a snapshot's first record on."""
    if not columns(database, table.bronze):
        return frozenset()
    query = database.named("verify/snapshot_begins", bronze=table.bronze)
    rows = database.rows(query, {"topic": table.topic, "generation": generation})
    return frozenset(partition for (partition,) in rows)


def read_snapshots(database: "Database", table: "Table") -> tuple[Snapshot, ...]:
    """The newest marker of each source table's snapshots."""
    unloaded = database.named("verify/unloaded")
    query = database.named("verify/snapshots", bronze=table.bronze, unloaded=unloaded)
    return tuple(Snapshot(**row) for row in database.dicts(query, {"topic": table.topic}))


def read_conflicts(database: "Database", table: "Table") -> Ranges:
    """Where a loader met two different records at one offset."""
    query = "select kafka_partition, kafka_offset from bictl.offset_conflict where kafka_topic = %s"
    rows = database.rows(query, [table.topic])
    return merged(Range(partition, offset, offset + 1) for partition, offset in rows)


def read_numbers(database: "Database", table: "Table") -> dict[str, int]:
    """The generations' numbers, which order them."""
    query = "select generation, generation_no from bronze.cdc_generation where kafka_topic = %s"
    return dict(database.rows(query, [table.topic]))


def read_schemas(database: "Database", table: "Table") -> Schemas:
    """The interned schemas that rows name, and where those rows stand that name a bad one."""
    used = database.rows(
        database.named("verify/schemas_used", bronze=table.bronze), {"topic": table.topic}
    )
    wrong = [id for id, schema, fields in used if not is_described(schema, fields)]
    if not wrong:
        return Schemas(used=len(used))
    query = database.named("verify/schemas_rows", bronze=table.bronze)
    rows = database.rows(query, {"topic": table.topic, "wrong": wrong})
    return Schemas(
        used=len(used),
        gone=tuple(id for id, schema, _ in used if schema is None),
        other=tuple(id for id, schema, _ in used if schema is not None and id in wrong),
        rows=tuple(Range(partition, first, after) for partition, first, after in rows),
    )


def read_mismatch(database: "Database") -> SchemaMismatch | None:
    """What is wrong with the version of bictl's tables; who never had any wants them filled too."""
    from bictl.bronze import check_version
    from bictl.bronze.migrate import gone_tables

    try:
        check_version(database)
    except SchemaMismatch as mismatch:
        if not columns(database, "bictl.schema_version"):
            mismatch.hint = "bictl run, which makes them; or bictl load-bronze"
        return mismatch
    if gone := gone_tables(database):
        return SchemaMismatch(
            f"{', '.join(gone)}: made by bictl, and not there any more",
            hint="restore it from a backup; migrating makes only what a newer version adds",
        )
    return None


def read_verdict(database: "Database", table: "Table") -> Verdict | None:
    """The last full verdict on the table that was complete."""
    rows = database.rows(
        assets.sql("verify/last_verdict"),
        {"table": table.name, "topic": table.topic, "bronze": table.bronze},
    )
    if not rows:
        return None
    at, frontiers, run = rows[0]
    return Verdict(
        run=run,
        at=at,
        frontiers={
            (item["generation"], item["partition"]): item["next"] for item in frontiers or []
        },
    )
