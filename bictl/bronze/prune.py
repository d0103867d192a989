"""Bronze without its past: rows that a newer record of their key has replaced, window by window.

A window's rows and the exact set of their offsets (bictl.pruned_range) go and come in one
statement, so a run may be killed at any instant. What staging shows stays the same, cell for cell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.errors import NotFound
from bictl.records import OnProgress, Progress, Range, Stop, never_stop, no_progress

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

WINDOW = 100_000  # offsets; bictl.pruned_range takes no larger one
Place = tuple[str, int]  # generation, partition


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What may go: rows older than `before`, or below an offset of the newest generation."""

    before: datetime | None = None
    below: Mapping[int, int] = field(default_factory=dict)  # partition → offset

    @property
    def words(self) -> str:
        """`before 2026-08-01T00:00:00Z`, `below 0:50000`."""
        if self.before is not None:
            return f"before {self.before:%Y-%m-%dT%H:%M:%SZ}"
        return "below " + ", ".join(f"{part}:{at}" for part, at in sorted(self.below.items()))


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The last full verdict that was complete: its run, its time, and how far it read."""

    run: str
    at: datetime
    frontiers: Mapping[Place, int]


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """One partition: how far it was verified, below which offset rows could go, what went.

    `bytes` is what the keys and values of those rows took.
    """

    generation: str
    partition: int
    cut: int
    below: int
    removed: int = 0
    bytes: int = 0

    def plus(self, removed: int, size: int) -> "Pruned":
        """The same with one more window."""
        return replace(self, removed=self.removed + removed, bytes=self.bytes + size)


@dataclass(frozen=True, kw_only=True)
class PruneResult:
    """What went, or in a dry run would go; sizes are those of the table on disk, in bytes."""

    table: str
    bronze: str
    parts: tuple[Pruned, ...]
    verified_at: datetime
    wish: str
    dry_run: bool = False
    stopped: bool = False
    size_before: int = 0
    size_after: int = 0

    exit_code: int = 0

    @property
    def removed(self) -> int:
        """Rows of all partitions."""
        return sum(part.removed for part in self.parts)

    @property
    def bytes(self) -> int:
        """Of their keys and values."""
        return sum(part.bytes for part in self.parts)

    @property
    def changed(self) -> bool:
        """Whether bronze is another one now."""
        return self.removed > 0 and not self.dry_run

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a partition."""
        return [
            {
                "table": self.table,
                "generation": part.generation,
                "partition": part.partition,
                "verified": part.cut,
                "below": part.below,
                "rows": part.removed,
                "bytes": part.bytes,
            }
            for part in self.parts
        ]

    @property
    def summary(self) -> str:
        """One line for a person."""
        where = f"{self.wish}, verified {self.verified_at:%Y-%m-%d %H:%M} UTC"
        if self.dry_run:
            return f"{self.removed:,} rows would go ({where})"
        if not self.removed:
            return f"nothing to do: no row has a newer one of its key ({where})"
        stopped = "; stopped: the next run does the rest" if self.stopped else ""
        return f"{self.removed:,} rows removed ({where}){stopped}"


def prune(
    database: "Database",
    *,
    table: "Table",
    wish: Wish,
    verified: Verified,
    run: str,
    dry_run: bool = False,
    window: int = WINDOW,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> PruneResult:
    """Removes what `wish` names, below the verdict's frontiers alone; a dry run only counts.

    `window` is how many offsets one transaction looks at; `stop` ends the run between two of them.

    A row goes only when a newer change of its key stands below the cut of the same partition. Never
    the first record of a partition, a marker of a snapshot, what has no readable key, or what is in
    quarantine. Raises NotFound for a partition that was not verified. Running it again does the
    rest.
    """
    parts = _parts(database, table, wish, verified)
    work = _Work(
        database, table, wish=wish, verified=verified, run=run, window=window, dry_run=dry_run
    )
    before = work.size()
    done: list[Pruned] = []
    for part in parts:
        done.append(part)
        for tally in work.windows(part, stop=stop):
            done[-1] = tally
            count = sum(one.removed for one in done)
            note = f"partition {part.partition}"
            on_progress(Progress(stage="prune", done=count, unit="rows", note=note))
    stopped = stop()
    if any(part.removed for part in done) and not dry_run and not stopped:
        database.autocommit(database.named("bronze/analyze", table=table.bronze))
    return PruneResult(
        table=table.name,
        bronze=table.bronze,
        parts=tuple(done),
        verified_at=verified.at,
        wish=wish.words,
        dry_run=dry_run,
        stopped=stopped,
        size_before=before,
        size_after=work.size(),
    )


class _Work:
    """One run over one bronze table."""

    def __init__(
        self,
        database: "Database",
        table: "Table",
        *,
        wish: Wish,
        verified: Verified,
        run: str,
        window: int,
        dry_run: bool,
    ) -> None:
        self._database, self._table, self._window = database, table, window
        self._values = {
            "topic": table.topic,
            "key": list(table.key),
            "before": "infinity" if wish.before is None else wish.before.isoformat(),
            "verified_run": verified.run,
            "reason": wish.words,
            "run": run,
        }
        rows = assets.sql("bronze/prune_rows")
        end = assets.sql("bronze/prune_count" if dry_run else "bronze/prune_delete")
        self._newest = {"bictl_newest": database.own("bictl_newest")}
        self._leave = database.quoted(f"{rows}\n{end}", table=table.bronze, **self._newest)

    def size(self) -> int:
        """What the table takes on disk."""
        name = ".".join(f'"{part}"' for part in self._table.bronze.split("."))
        return int(self._database.value(assets.sql("bronze/table_size"), {"table": name}) or 0)

    def windows(self, part: Pruned, *, stop: Stop) -> Iterator[Pruned]:
        """The partition's tally after each of its windows."""
        if stop() or not self._learn(part):
            return
        values = {**self._place(part), "kept": self._kept(part)}
        for window in self._ranges(part):
            if stop():
                return
            limits = {"first": window.first, "next": window.next}
            ((removed, size),) = self._database.rows(self._leave, {**values, **limits})
            part = part.plus(removed, size)
            yield part

    def _learn(self, part: Pruned) -> int:
        """How many keys have a newer change than some other row of theirs."""
        database, newest = self._database, self._newest
        database.execute(database.named("bronze/prune_temp", **newest))
        database.execute(database.quoted("truncate {bictl_newest}", **newest))
        found = database.named("bronze/prune_newest", table=self._table.bronze, **newest)
        known = database.execute(found, self._place(part))
        database.execute(database.quoted("analyze {bictl_newest}", **newest))
        return known

    def _kept(self, part: Pruned) -> list[int]:
        found = self._database.rows(self._named("bronze/prune_place"), self._place(part))
        return [offset for offset in found[0] if offset is not None]

    def _ranges(self, part: Pruned) -> Iterator[Range]:
        """Windows that begin at a row."""
        first = 0
        while first < part.below:
            limits = {"first": first, "next": part.below}
            found = self._database.value(
                self._named("bronze/prune_next"), {**self._place(part), **limits}
            )
            if found is None:
                return
            first = min(found + self._window, part.below)
            yield Range(part.partition, found, first)

    def _place(self, part: Pruned) -> dict[str, Any]:
        at = {"generation": part.generation, "partition": part.partition, "cut": part.cut}
        return {**self._values, **at}

    def _named(self, name: str) -> Any:
        return self._database.named(name, table=self._table.bronze)


def _parts(database: "Database", table: "Table", wish: Wish, verified: Verified) -> list[Pruned]:
    """The verified partitions that are asked for, none of them beyond its frontier."""
    if not wish.below:
        return [
            Pruned(generation=generation, partition=partition, cut=cut, below=cut)
            for (generation, partition), cut in sorted(verified.frontiers.items())
        ]
    generation = _newest_generation(database, table, verified)
    cuts = {part: cut for (name, part), cut in verified.frontiers.items() if name == generation}
    for partition in wish.below:
        if partition not in cuts:
            known = [str(part) for part in cuts]
            raise NotFound("partition", str(partition), existing=known, where=f"of {table.topic}")
    return [
        Pruned(generation=generation, partition=part, cut=cuts[part], below=min(cuts[part], at))
        for part, at in sorted(wish.below.items())
    ]


def _newest_generation(database: "Database", table: "Table", verified: Verified) -> str:
    query = """
        select generation from bronze.cdc_generation
        where kafka_topic = %s and generation = any(%s)
        order by generation_no desc limit 1"""
    names = sorted({generation for generation, _ in verified.frontiers})
    return str(database.value(query, [table.topic, names]) or "")
