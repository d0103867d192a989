"""Every check and every boundary, in flow order: what a run evaluates and `--select` picks from.

A later check is one pure function in its boundary's file and one entry here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bictl.errors import NotFound, UsageError
from bictl.verify import (
    acks,
    bronze,
    captured,
    carried,
    contents,
    decoded,
    evolution,
    kafka,
    latency,
    machine,
    meta,
    objects,
    replaced,
    schemas,
    searched,
    snapshots,
    source,
    staging,
    taken,
    tested,
    topic,
    vectors,
)
from bictl.verify.frame import Crossing, Definition
from bictl.verify.layers import (
    BRONZE,
    BRONZE_TO_STAGING,
    KAFKA,
    KAFKA_TO_OBJECTS,
    META,
    OBJECTS,
    OBJECTS_TO_BRONZE,
    SOURCE,
    SOURCE_TO_KAFKA,
    STAGING,
    STAGING_TO_VECTORS,
    VECTORS,
)
from bictl.verify.report import Kind

if TYPE_CHECKING:
    from bictl.settings import Table

CROSSINGS: tuple[Crossing, ...] = (
    Crossing(
        upstream=SOURCE,
        downstream=KAFKA,
        verb="captured",
        tally=lambda w: captured.tally(w.source_keys),
        repair="bictl cdc snapshot --table {table}",
        needs_source=True,
    ),
    Crossing(
        upstream=KAFKA,
        downstream=OBJECTS,
        verb="ingested",
        level="quick",
        tally=lambda w: kafka.tally(
            w.cut, w.shelf, lambda: w.expired, told=lambda: w.told_expired, max_lag=w.max_lag
        ),
        repair="bictl ingest --table {table}",
    ),
    Crossing(
        upstream=OBJECTS,
        downstream=BRONZE,
        verb="loaded",
        level="quick",
        tally=lambda w: bronze.tally(w.comparison),
        repair="bictl load-bronze --table {table}",
    ),
    Crossing(
        upstream=BRONZE,
        downstream=STAGING,
        verb="in staging",
        tally=lambda w: staging.tally(w.staging_keys),
        repair="bictl transform --table {table}",
    ),
    Crossing(
        upstream=STAGING,
        downstream=VECTORS,
        verb="embedded",
        tally=lambda w: vectors.tally(w.coverage),
        repair="bictl embed --table {table}",
    ),
)

_QUICK, _LOSS = "quick", Kind.LOSS

CHECKS: tuple[Definition, ...] = (
    Definition(
        "S1",
        "the source answers",
        SOURCE_TO_KAFKA,
        lambda w: captured.answered(w.source.reached()),
        needs_source=True,
        grows="not at all",
    ),
    Definition(
        "S2",
        "the source captures the table's changes",
        SOURCE_TO_KAFKA,
        lambda w: captured.answered(w.source.capturing()),
        needs_source=True,
        grows="not at all",
    ),
    Definition(
        "S3",
        "what captures them runs",
        SOURCE_TO_KAFKA,
        lambda w: captured.answered(w.source.running()),
        needs_source=True,
        grows="not at all",
    ),
    Definition(
        "S4",
        "no change was discarded unread",
        SOURCE_TO_KAFKA,
        lambda w: captured.answered(w.source.kept()),
        needs_source=True,
        grows="not at all",
    ),
    Definition(
        "S5",
        "as many rows at the source as live keys",
        SOURCE_TO_KAFKA,
        lambda w: captured.same_count(
            w.source_keys if w.question.around.source is not None else None,
            expected=w.question.around.expected_rows,
            live=lambda: sum(count for count, _ in w.live_keys.values()),
            waiting=lambda: w.waiting,
            table=w.table,
            has_worker=w.question.worker is not None,
        ),
        needs_count=True,
        grows="with records, and with keys at the source",
    ),
    Definition(
        "S6",
        "the source's keys are the live ones",
        SOURCE_TO_KAFKA,
        lambda w: captured.same_keys(
            w.source_keys, table=w.table, has_worker=w.question.worker is not None
        ),
        needs_source=True,
        kind=_LOSS,
        grows="with keys at the source, by the same reading as S5; keys of buckets that differ",
    ),
    Definition(
        "C1",
        "the connector and its tasks run",
        SOURCE_TO_KAFKA,
        lambda w: source.connector(w.capture, table=w.table),
        needs_worker=True,
        grows="with the connector's tasks",
    ),
    Definition(
        "C2",
        "the connector's configuration drops nothing",
        SOURCE_TO_KAFKA,
        lambda w: source.configuration(w.capture),
        needs_worker=True,
        grows="not at all",
    ),
    Definition(
        "C3",
        "no connector put a record aside",
        SOURCE_TO_KAFKA,
        lambda w: source.dead_letters(w.dead_letters),
        needs_worker=True,
        grows="with dead letter queues",
    ),
    Definition(
        "C4",
        "the newest snapshot is complete",
        SOURCE_TO_KAFKA,
        lambda w: snapshots.complete(
            w.snapshots,
            rows=w.bronze.rows,
            waiting=lambda: w.waiting,
            now=w.question.now,
            max_lag=w.max_lag,
            table=w.table,
        ),
        level=_QUICK,
        grows="with snapshots and partitions: by an index of their markers",
    ),
    Definition(
        "K1",
        "the topic is the one that was read",
        KAFKA_TO_OBJECTS,
        lambda w: kafka.identity(w.cut, w.shelf, w.anchors, table=w.table),
        level=_QUICK,
        kind=_LOSS,
        grows="with partitions: one record each",
    ),
    Definition(
        "K2",
        "no partition ends before what was read",
        KAFKA_TO_OBJECTS,
        lambda w: kafka.end_below_frontier(w.cut, table=w.table),
        level=_QUICK,
        kind=_LOSS,
        grows="with partitions",
    ),
    Definition(
        "K3",
        "nothing is committed before it is sealed",
        KAFKA_TO_OBJECTS,
        lambda w: topic.committed(w.cut, w.commits, group=w.question.around.group, table=w.table),
        level=_QUICK,
        grows="with partitions",
    ),
    Definition(
        "K4",
        "Kafka discarded nothing unread",
        KAFKA_TO_OBJECTS,
        lambda w: kafka.retention_loss(w.cut, w.shelf, table=w.table),
        level=_QUICK,
        kind=_LOSS,
        grows="with partitions",
    ),
    Definition(
        "K5",
        "records above the frontier are young",
        KAFKA_TO_OBJECTS,
        lambda w: kafka.not_ingested(w.cut, w.shelf, max_lag=w.max_lag, table=w.table),
        level=_QUICK,
        grows="with partitions: one record each",
    ),
    Definition(
        "K6",
        "the oldest waiting record's age",
        KAFKA_TO_OBJECTS,
        lambda w: kafka.time_lag(w.cut, max_lag=w.max_lag, table=w.table),
        level=_QUICK,
        grows="with partitions",
    ),
    Definition(
        "K7",
        "Kafka keeps what is not ingested for a while",
        KAFKA_TO_OBJECTS,
        lambda w: topic.headroom(
            w.cut, w.keeping, lambda: w.logs, every=w.question.around.run_every, table=w.table
        ),
        level=_QUICK,
        grows="with partitions",
    ),
    Definition(
        "K8",
        "no transaction holds records back",
        KAFKA_TO_OBJECTS,
        lambda w: topic.open_transactions(
            w.cut,
            lambda: w.transactions,
            limit=lambda: w.transaction_limit,
            max_lag=w.max_lag,
            table=w.table,
        ),
        level=_QUICK,
        grows="with partitions",
    ),
    Definition(
        "K9",
        "the topic's settings lose nothing",
        KAFKA_TO_OBJECTS,
        lambda w: topic.settings(
            w.keeping,
            lambda: w.replication,
            unread=max(w.max_lag, w.question.around.run_every),
            table=w.table,
        ),
        level=_QUICK,
        grows="with partitions",
    ),
    Definition(
        "K10",
        "objects hold what Kafka serves",
        KAFKA_TO_OBJECTS,
        lambda w: contents.of_slice(
            contents.as_served(
                w.served, w.expired, w.unheld, table=w.table, compacts=w.may_compact
            ),
            w.looked,
        ),
        level="deep",
        kind=_LOSS,
        grows="with records, read from Kafka once more",
        is_long=True,
    ),
    Definition(
        "K11",
        "reading began at the beginning",
        KAFKA_TO_OBJECTS,
        lambda w: kafka.baseline(
            w.cut,
            w.shelf,
            snapshot_begins=lambda: w.snapshot_begins,
            expired=lambda: w.expired,
            table=w.table,
        ),
        level=_QUICK,
        kind=_LOSS,
        grows="with partitions",
    ),
    Definition(
        "K12",
        "what was acknowledged as lost is lost",
        KAFKA_TO_OBJECTS,
        lambda w: acks.really_lost(w.shelf.acked, table=w.table),
        level=_QUICK,
        grows="with acknowledgements",
    ),
    Definition(
        "O1",
        "nothing foreign under the prefix",
        KAFKA_TO_OBJECTS,
        lambda w: objects.foreign(w.shelf),
        level=_QUICK,
        grows="with objects: one listing",
    ),
    Definition(
        "O2",
        "the batches form one chain",
        KAFKA_TO_OBJECTS,
        lambda w: objects.chain(w.shelf, lambda: w.expired, table=w.table),
        level=_QUICK,
        kind=_LOSS,
        grows="with objects",
    ),
    Definition(
        "O3",
        "every loaded object is still there",
        KAFKA_TO_OBJECTS,
        lambda w: objects.vanished(w.later_shelf, w.ledger, w.loaded_from, w.expired),
        kind=_LOSS,
        grows="with objects",
    ),
    Definition(
        "O4",
        "no object changed since it was loaded",
        KAFKA_TO_OBJECTS,
        lambda w: objects.changed(w.shelf, w.ledger, table=w.table),
        kind=_LOSS,
        grows="with objects",
    ),
    Definition(
        "O5",
        "no offset in two objects",
        KAFKA_TO_OBJECTS,
        lambda w: objects.overlap(w.shelf, lambda: w.overlapping),
        level=_QUICK,
        kind=_LOSS,
        grows="with objects",
    ),
    Definition(
        "O6",
        "every object's bytes are the sealed ones",
        KAFKA_TO_OBJECTS,
        lambda w: objects.content(w.shelf, table=w.table),
        kind=_LOSS,
        grows="with compressed bytes; a deep look with records",
    ),
    Definition(
        "O7",
        "what outlives the objects is to be believed",
        KAFKA_TO_OBJECTS,
        lambda w: objects.frontier_objects(w.shelf, again=w.kept_by_now, table=w.table),
        level=_QUICK,
        grows="with partitions",
    ),
    Definition(
        "O8",
        "what other scripts left is taken over",
        KAFKA_TO_OBJECTS,
        lambda w: taken.taken_over(w.taken, table=w.table),
        level=_QUICK,
        kind=_LOSS,
        grows="with old objects",
    ),
    Definition(
        "B1",
        "every object is loaded",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.unloaded(w.comparison, w.shelf, table=w.table),
        level=_QUICK,
        grows="with records; a quick look with those since the last full verdict",
    ),
    Definition(
        "B2",
        "every record stands once",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.once(w.comparison, w.bronze, table=w.table),
        level=_QUICK,
        grows="with records; a quick look with those since the last full verdict",
    ),
    Definition(
        "B3",
        "no offset is missing in bronze",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.holes(w.comparison, table=w.table),
        level=_QUICK,
        grows="with records; a quick look with those since the last full verdict",
    ),
    Definition(
        "B4",
        "the unique index of bronze works",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.constraint(w.bronze, table=w.table),
        level=_QUICK,
        grows="not at all",
    ),
    Definition(
        "B5",
        "each row names the object that holds it",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.origins(w.later_shelf, w.bronze, w.comparison, table=w.table),
        grows="with records",
    ),
    Definition(
        "B6",
        "nothing is quarantined unacknowledged",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.quarantine(w.bronze, w.acked_reasons, w.comparison, table=w.table),
        level=_QUICK,
        grows="with quarantined records",
    ),
    Definition(
        "B7",
        "bronze holds nothing that no object holds",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.surplus(w.comparison, w.bronze, table=w.table),
        level=_QUICK,
        grows="with records; a quick look with those since the last full verdict",
    ),
    Definition(
        "B8",
        "bronze holds only its own topic",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.other_topics(w.bronze, w.comparison, table=w.table),
        grows="with records",
    ),
    Definition(
        "B9",
        "no offset came twice with different content",
        OBJECTS_TO_BRONZE,
        lambda w: meta.conflicts(w.conflicts),
        level=_QUICK,
        kind=_LOSS,
        grows="with conflicts",
    ),
    Definition(
        "B10",
        "each row holds what its object holds",
        OBJECTS_TO_BRONZE,
        lambda w: contents.of_slice(
            contents.as_sealed(w.loaded, w.expired, table=w.table), w.looked
        ),
        level="deep",
        grows="with records, each sent to Postgres once more",
        is_long=True,
    ),
    Definition(
        "B11",
        "what was pruned was loaded, and has been replaced",
        OBJECTS_TO_BRONZE,
        lambda w: replaced.proved(w.replaced, table=w.table),
        level=_QUICK,
        grows="with pruned records",
    ),
    Definition(
        "B12",
        "no record has a name twice",
        OBJECTS_TO_BRONZE,
        lambda w: contents.of_slice(contents.unique_names(w.loaded, table=w.table), w.looked),
        level="deep",
        grows="with records, by the same reading as B10",
    ),
    Definition(
        "B13",
        "each row's schema is there, and decoded by what it says",
        OBJECTS_TO_BRONZE,
        lambda w: schemas.described(w.schemas, rows=w.bronze.rows, table=w.table),
        grows="with records",
    ),
    Definition(
        "B14",
        "generations stand in the order that the objects say",
        OBJECTS_TO_BRONZE,
        lambda w: bronze.ordered(w.shelf, w.bronze, w.numbers, table=w.table),
        level=_QUICK,
        kind=_LOSS,
        grows="with objects",
    ),
    Definition(
        "T1",
        "dbt's last run passed, on what is loaded",
        BRONZE_TO_STAGING,
        lambda w: tested.last_run(
            w.tested, w.staging_keys, now=w.question.now, max_lag=w.max_lag, table=w.table
        ),
        grows="with records, by the same reading as T2",
    ),
    Definition(
        "T2",
        "staging shows each live key, and no other",
        BRONZE_TO_STAGING,
        lambda w: staging.key_sets(w.staging_keys, table=w.table),
        grows="with records",
    ),
    Definition(
        "T3",
        "each key shows its newest record",
        BRONZE_TO_STAGING,
        lambda w: staging.newest_records(w.staging_keys, table=w.table),
        grows="with records, by the same reading as T2",
    ),
    Definition(
        "T4",
        "ids are unique and filled",
        BRONZE_TO_STAGING,
        lambda w: staging.unique_and_filled(w.staging_shape, w.staging_keys, table=w.table),
        grows="with keys, by the same reading as T2",
    ),
    Definition(
        "T5",
        "no value became NULL",
        BRONZE_TO_STAGING,
        lambda w: staging.decoded(w.staging_values, w.staging_keys, table=w.table),
        grows="with records, by the same reading as T2",
    ),
    Definition(
        "T6",
        "cells are those of the newest record",
        BRONZE_TO_STAGING,
        lambda w: staging.equal_cells(w.staging_values, w.staging_keys, table=w.table),
        grows="with records, by the same reading as T2",
    ),
    Definition(
        "T7",
        "the model shows the columns that the source has",
        BRONZE_TO_STAGING,
        lambda w: evolution.as_the_source(
            w.staging_model,
            w.source_columns,
            rows=lambda: w.bronze.rows,
            shown=w.staging_types,
            table=w.table,
        ),
        grows="with partitions: one record each",
    ),
    Definition(
        "T8",
        "every value is the source's own",
        BRONZE_TO_STAGING,
        lambda w: carried.as_at_the_source(
            w.carried, keeps_nulls=lambda: w.keeps_nulls, table=w.table
        ),
        grows="with records, of tables with columns that the wire cannot carry",
        is_long=True,
    ),
    Definition(
        "T9",
        "numbers and times are the source's, decoded twice",
        BRONZE_TO_STAGING,
        lambda w: decoded.same_values(w.decoded, w.staging_keys, table=w.table),
        level="deep",
        grows="with keys, each decoded once more",
    ),
    Definition(
        "E1",
        "each key has its vector, and no other",
        STAGING_TO_VECTORS,
        lambda w: vectors.coverage(w.coverage, table=w.table),
        grows="with records",
    ),
    Definition(
        "E2",
        "each vector is of the text as it is now",
        STAGING_TO_VECTORS,
        lambda w: vectors.fresh(w.coverage, table=w.table),
        grows="with records, by the same reading as E1",
    ),
    Definition(
        "E3",
        "one model, one length",
        STAGING_TO_VECTORS,
        lambda w: vectors.one_model(w.vectors, w.coverage, model=w.model, table=w.table),
        grows="with keys",
    ),
    Definition(
        "E4",
        "every vector can be found",
        STAGING_TO_VECTORS,
        lambda w: vectors.findable(w.vectors, w.coverage, table=w.table),
        grows="with keys, by the same reading as E3",
    ),
    Definition(
        "E5",
        "the vector index is there and valid",
        STAGING_TO_VECTORS,
        lambda w: vectors.index(w.vector_indexes, w.coverage, table=w.table),
        grows="not at all",
    ),
    Definition(
        "E6",
        "search walks the vector index",
        STAGING_TO_VECTORS,
        lambda w: searched.index_used(w.index_use, w.coverage, table=w.table),
        grows="hardly: a count of the vectors, and a plan that is not run",
    ),
    Definition(
        "E7",
        "the index finds what is nearest",
        STAGING_TO_VECTORS,
        lambda w: searched.recall(w.recall, w.coverage, table=w.table),
        level="deep",
        grows="with keys: each is compared with 100",
        is_long=True,
    ),
    Definition(
        "E8",
        "pgvector has no known flaw",
        STAGING_TO_VECTORS,
        lambda w: searched.extension(w.vector_extension, table=w.table),
        grows="not at all",
    ),
    Definition(
        "E9",
        "rows are found by their own vectors",
        STAGING_TO_VECTORS,
        lambda w: searched.found_by_itself(w.selves, w.coverage, table=w.table),
        grows="hardly: 100 searches, chosen by a sort of the keys",
    ),
    Definition(
        "E10",
        "a vector is that of its text",
        STAGING_TO_VECTORS,
        lambda w: searched.of_its_text(w.encoded, w.coverage, table=w.table),
        level="deep",
        grows="with keys, to choose 128 texts that are encoded once more",
        needs_encoder=True,
        is_long=True,
    ),
    Definition(
        "E11",
        "no vector was changed since it was made",
        STAGING_TO_VECTORS,
        lambda w: vectors.unaltered(w.altered, w.coverage, table=w.table),
        grows="with keys, by the same reading as E3",
    ),
    Definition(
        "M1",
        "bictl's tables have this program's version",
        META,
        lambda w: meta.version(w.schema_mismatch),
        level=_QUICK,
        grows="not at all",
    ),
    Definition(
        "M2",
        "the ledger knows what is loaded",
        META,
        lambda w: meta.ledger(w.ledger, w.bronze, w.shelf, table=w.table),
        grows="with objects",
    ),
    Definition(
        "M3",
        "a full verdict stands behind this quick look",
        META,
        lambda w: meta.full_verdict(w.verdict, table=w.table),
        level=_QUICK,
        only=_QUICK,
        grows="not at all",
    ),
    Definition(
        "M4",
        "disks have room",
        META,
        lambda w: machine.looks(w.rooms, nothing="no disk is this machine's"),
        level=_QUICK,
        grows="not at all",
    ),
    Definition(
        "M5",
        "no certificate and no password ends soon",
        META,
        lambda w: machine.expiries(w.expiries, now=w.question.now),
        grows="with servers that speak TLS",
    ),
    Definition(
        "M6",
        "each stage succeeded as often as was promised",
        META,
        lambda w: machine.stages(
            w.last_runs, every=w.question.around.run_every, now=w.question.now, table=w.table
        ),
        level=_QUICK,
        grows="not at all",
    ),
    Definition(
        "M7",
        "records arrive as soon as was promised",
        META,
        lambda w: latency.judge(
            w.latency, max_latency=w.question.around.max_latency, table=w.table
        ),
        grows="with the last day's records, and with vectors",
    ),
    Definition(
        "M8",
        "the clocks agree",
        META,
        lambda w: machine.looks(w.clocks, nothing="no clock was told"),
        level=_QUICK,
        grows="not at all",
    ),
    Definition(
        "M9",
        "no lock is held for too long",
        META,
        lambda w: machine.locks(w.locks, longest=w.question.around.max_lock, now=w.question.now),
        level=_QUICK,
        grows="not at all",
    ),
)


def chosen(
    table: "Table",
    level: str,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    has_worker: bool = False,
    has_encoder: bool = False,
    has_source: bool = False,
    has_count: bool = False,
) -> list[Definition]:
    """The checks of a run: those of its level, or of it the ones that were asked for, by their ids
    or by the names of layers.

    Raises NotFound for an unknown name, UsageError for the name of a check or a layer of another
    level, and where --exclude takes all that --select names.
    """
    wanted, unwanted = ids_of(select), ids_of(exclude)
    for name in select:
        _refuse_other_level(name, level)
    if select and wanted <= unwanted:
        raise UsageError(
            f"nothing is left of {', '.join(select)}: it is excluded",
            hint="bictl verify --list",
        )
    crossed = {crossing.name for crossing in crossings(table, level)} | {SOURCE_TO_KAFKA, META}
    return [
        check
        for check in CHECKS
        if check.runs_at(level)
        and (has_worker or not check.needs_worker)
        and (has_encoder or not check.needs_encoder)
        and (has_source or not check.needs_source)
        and (has_source or has_count or not check.needs_count)
        and check.boundary in crossed
        and (not select or check.id in wanted)
        and check.id not in unwanted
    ]


def _refuse_other_level(name: str, level: str) -> None:
    checks = [check for check in CHECKS if check.id in ids_of([name])]
    if any(check.runs_at(level) for check in checks):
        return
    first = checks[0]
    at = first.only or first.level
    flag = "" if at == "default" else f" --{at}"
    if len(checks) == 1:
        message, name = f"{first.id} is no check of this level: {first.title}", first.id
    else:
        message = f"{name} has no check of this level"
    raise UsageError(message, hint=f"bictl verify{flag} --select {name}")


def ids_of(names: Sequence[str]) -> set[str]:
    """The ids that names stand for: an id, or a layer's name, in whatever case."""
    found = set[str]()
    for name in names:
        wanted = name.casefold()
        ids = {c.id for c in CHECKS if wanted in (c.id.casefold(), c.layer.casefold())}
        if not ids:
            layers = dict.fromkeys(check.layer.lower() for check in CHECKS)
            raise NotFound("check", name, existing=[*(check.id for check in CHECKS), *layers])
        found |= ids
    return found


def crossings(table: "Table", level: str, *, has_source: bool = False) -> list[Crossing]:
    """The boundaries of a run; without columns to embed there are no vectors to compare, without a
    source nothing before Kafka."""
    return [
        crossing
        for crossing in CROSSINGS
        if (level != "quick" or crossing.level == "quick")
        and (crossing.downstream != VECTORS or table.embed)
        and (has_source or not crossing.needs_source)
    ]
