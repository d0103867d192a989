"""One verdict: the world of a table, every check of the level, the boundaries, the headline."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.errors import BictlError, LossError, Unreachable
from bictl.records import LEGACY, OnProgress, Progress, Range, Stop, never_stop, no_progress
from bictl.verify import frame
from bictl.verify.axes import axes
from bictl.verify.bronze import Bronze
from bictl.verify.checks import chosen, crossings
from bictl.verify.evidence import Question
from bictl.verify.expired import Expired
from bictl.verify.headline import headline
from bictl.verify.lanes import Lanes
from bictl.verify.latency import Latency
from bictl.verify.layers import META, SOURCE, STAGING, VECTORS
from bictl.verify.report import (
    NOTHING,
    Boundary,
    Check,
    Hop,
    Kind,
    Partition,
    Report,
    Sample,
    State,
    of_ranges,
    worst,
)
from bictl.verify.slices import WHOLE, Looked, Slice
from bictl.verify.surroundings import NOTHING_AROUND, Surroundings
from bictl.verify.world import World

if TYPE_CHECKING:
    from bictl.clients.connect import ConnectWorker
    from bictl.clients.database import Database
    from bictl.clients.dbt_report import Results
    from bictl.clients.encoder import Encoder
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader
    from bictl.model_file import Model
    from bictl.settings import Table


NOT_JUDGED = "M0"


def verify(
    reader: "TopicReader",
    objects: "ObjectStore",
    database: "Database",
    *,
    table: "Table",
    staging_schema: str,
    model: str,
    max_lag: int,
    level: str = "default",
    run: str = "",
    now: datetime | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    slice: Slice = WHOLE,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
    drawn: bool = False,
    keeps_nulls: Callable[[], bool | None] = lambda: None,
    worker: "Callable[[], ConnectWorker] | None" = None,
    staging_model: "Callable[[], Model | None]" = lambda: None,
    around: Surroundings = NOTHING_AROUND,
    encoder: "Callable[[], Encoder] | None" = None,
    dbt_results: "Callable[[], Results | None]" = lambda: None,
) -> Report:
    """The verdict on `table`; writes nothing.

    `level` is quick, default or deep, `slice` the part of the batches whose contents a deep look
    compares; `max_lag` is how many seconds a record may be in flight;
    `keeps_nulls` says whether the connector writes NULL as NULL, None where that is not known;
    `worker` opens the Kafka Connect worker, where one is configured;
    `staging_model` reads the staging model's file, None where that does not tell its columns;
    `around` is what stands around the three systems;
    `encoder` opens the model that a deep look encodes some texts with once more;
    `dbt_results` reads what dbt wrote down of its last run on this machine;
    `drawn` also tells what stands at each offset, for a picture.
    A system that does not answer makes its checks unknown and stops nothing; what is left when
    `stop` says so is unknown too. Raises NotFound for an unknown check.
    """
    started = time.monotonic()
    definitions = chosen(
        table,
        level,
        select=select,
        exclude=exclude,
        has_worker=worker is not None,
        has_encoder=encoder is not None,
        has_source=around.source is not None,
        has_count=around.expected_rows is not None,
    )
    question = Question(
        table=table,
        level=level,
        max_lag=max_lag,
        now=now or datetime.now(UTC),
        staging=f"{staging_schema}.{table.staging}",
        model=model,
        slice=slice,
        with_cells=any(one.id in ("T5", "T6") for one in definitions),
        keeps_nulls=keeps_nulls,
        worker=worker,
        staging_model=staging_model,
        around=around,
        encoder=encoder,
        dbt_results=dbt_results,
        stop=stop,
    )
    world = World(reader, objects, database, question)
    try:
        checks = Lanes(definitions, world, stop=stop, on_progress=on_progress).run()
        if not definitions:
            checks.append(_none_applies(table, select))
        boundaries = [
            frame.judge(item, checks, world, stopped=stop())
            for item in crossings(
                table, level, has_source=any(one.needs_source for one in definitions)
            )
            if not (select or exclude) or any(item.name == check.boundary for check in definitions)
        ]
        verdict = world.known.get("verdict")
        report = Report(
            table=table.name,
            topic=table.topic,
            bronze=table.bronze,
            level=level,
            run=run,
            started=question.now,
            seconds=time.monotonic() - started,
            cut=world.known["cut"].words if "cut" in world.known else (),
            scope=tuple(_scope(boundaries)),
            unverified=_unverified(table, level, select or exclude, world),
            boundaries=tuple(boundaries),
            checks=tuple(checks),
            acknowledged=tuple(item.said for item in world.shelf.acked)
            if "shelf" in world.known
            else (),
            accepted_loss=_accepted_loss(world),
            quarantined=_quarantined(world),
            frontiers=_frontiers(world),
            partitions=_partitions(world),
            axes=axes(world, checks) if drawn else (),
            expired=_expired(world),
            latency=_latency(world),
            partial=bool(select or exclude),
            hangs=world.abandoned,
            slice=_looked(world),
            since=getattr(verdict, "words", ""),
        )
    finally:
        world.close()
    on_progress(Progress(stage="verify", done=len(checks), total=len(checks), unit="checks"))
    return concluded(report)


def _none_applies(table: "Table", select: Sequence[str]) -> Check:
    """What stands for checks that were asked for and are out of scope here."""
    return Check(
        id=NOT_JUDGED,
        title="a check was evaluated",
        boundary=META,
        state=State.UNKNOWN,
        message=f"{table.name} is not configured for any of {', '.join(select)}",
        hint="bictl verify --list; bictl config show",
    )


def not_judged(
    table: "Table", error: BictlError, *, level: str, run: str = "", now: datetime | None = None
) -> Report:
    """The report on a table whose verdict could not be come to at all: why, and that nothing of it
    is known. Evidence of loss is a failure."""
    lost = isinstance(error, LossError)
    reason = Check(
        id=NOT_JUDGED,
        title="the table could be judged",
        boundary=META,
        state=State.FAIL if lost else State.UNKNOWN,
        kind=Kind.LOSS if lost else Kind.FAILED,
        message=error.message,
        hint=error.hint or "bictl doctor",
        unreachable=isinstance(error, Unreachable),
    )
    boundaries = [
        Boundary(
            upstream=item.upstream,
            downstream=item.downstream,
            verb=item.verb,
            state=State.UNKNOWN,
            tally=None,
            hint=reason.hint,
            note=error.message,
        )
        for item in crossings(table, level)
    ]
    return concluded(
        Report(
            table=table.name,
            topic=table.topic,
            bronze=table.bronze,
            level=level,
            run=run,
            started=now or datetime.now(UTC),
            seconds=0.0,
            cut=(),
            scope=tuple(_scope(boundaries)),
            unverified=(SOURCE,),
            boundaries=tuple(boundaries),
            checks=(reason,),
        )
    )


def concluded(report: Report) -> Report:
    """The report with its state and its one sentence."""
    states = [item.state for item in report.boundaries] + [item.state for item in report.checks]
    judged = replace(report, state=worst(states))
    return replace(judged, headline=headline(judged))


def _scope(boundaries: Sequence[Boundary]) -> list[str]:
    names = [item.upstream.lower() for item in boundaries]
    return [*names, *[item.downstream.lower() for item in boundaries[-1:]]]


def _unverified(
    table: "Table", level: str, partial: Sequence[str], world: World
) -> tuple[str, ...]:
    """What is out of this run's scope, named in the headline."""
    left = [] if "source_keys" in world.known else [SOURCE]
    if level == "quick":
        left += [STAGING]
    if level == "quick" or not table.embed:
        left += [VECTORS]
    if (part := _looked(world)) is not None and part.rest:
        left += [part.rest]
    if partial:
        left += ["the checks that were not selected"]
    shelf = world.known.get("shelf")
    if shelf is not None and (count := shelf.legacy_records):
        left += [
            f"what the old topic held beside {counted(count, 'record')} of generation {LEGACY}"
        ]
    return tuple(left)


def _looked(world: World) -> Looked | None:
    """Which slice was looked at; None where the objects were not read."""
    return world.looked if "shelf" in world.known else None


def _accepted_loss(world: World) -> Sample:
    """The acknowledged offsets of all generations; nothing where the objects were not read."""
    if "shelf" not in world.known:
        return NOTHING
    ranges: dict[str, list[Range]] = {}
    for item in world.shelf.acked:
        ranges.setdefault(item.generation, []).extend(item.lost)
    samples = [of_ranges(found) for found in ranges.values()]
    return Sample(
        ranges=tuple(item for sample in samples for item in sample.ranges),
        total=sum(sample.total for sample in samples),
        at_most=True,
    )


def _quarantined(world: World) -> int:
    """Records in quarantine; 0 where bronze was not read."""
    bronze = world.known.get("bronze")
    return sum(item.count for item in bronze.rejected) if isinstance(bronze, Bronze) else 0


def _expired(world: World) -> Sample:
    """What the objects held that a lifecycle rule took; nothing where that was not asked."""
    found = world.known.get("expired")
    if not isinstance(found, Expired):
        return NOTHING
    return Sample(ranges=found.all_ranges, total=found.records)


def _latency(world: World) -> tuple[Hop, ...]:
    """The last day's hops; nothing where they were not asked."""
    found = world.known.get("latency")
    return found.hops if isinstance(found, Latency) else ()


def _frontiers(world: World) -> tuple[tuple[str, int, int], ...]:
    """(generation, partition, frontier) of every partition that was ever sealed."""
    if "shelf" not in world.known:
        return ()
    return tuple(
        (generation, partition, frontier)
        for generation, partition in world.shelf.places
        if (frontier := world.shelf.frontier((generation, partition))) is not None
    )


def _partitions(world: World) -> tuple[Partition, ...]:
    """Every partition at the cut; nothing where that could not be fixed."""
    if "cut" not in world.known:
        return ()
    return tuple(
        Partition(
            number=part.partition,
            start=part.start,
            end=part.end,
            frontier=part.frontier,
            waits=world.cut.age(part),
        )
        for part in world.cut.parts
    )
