"""Whether the source is captured, and whether the layers hold the keys that it holds.

The source is read after the cut and after bronze. What differs then is looked for in what Kafka has
beyond bronze, and again at the source, until nothing is left or the time to settle is over: only
what nobody carries any more is missing, or too much.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.verify.report import NOTHING, Finding, Kind, Sample, State, Tally, passed

if TYPE_CHECKING:
    from bictl.cdc.source.judge import Answer
    from bictl.settings import Table

_STATES = {
    "ok": State.OK,
    "skipped": State.OK,
    "warn": State.WARN,
    "fail": State.FAIL,
    "unknown": State.UNKNOWN,
}


@dataclass(frozen=True, kw_only=True)
class SourceKeys:
    """Rows at the source against keys that are live in bronze by verify's own fold.

    `missing` are in no layer, `extra` in bronze alone; `arriving` and `leaving` are on their way.
    `uncomparable` names the key's columns by which keys can only be counted; `is_least` says that
    only some of what differs was listed, `may_be_in_objects` that Kafka discarded records which are
    in objects and not loaded: there nobody looked. `settled` is how many seconds were given to it.
    """

    rows: int
    live: int
    missing: Sample = NOTHING
    extra: Sample = NOTHING
    arriving: int = 0
    leaving: int = 0
    uncomparable: str = ""
    is_least: bool = False
    may_be_in_objects: bool = False
    settled: float = 0.0

    @property
    def apart(self) -> int:
        """How far the two counts are apart beyond what is on its way."""
        return self.rows - self.arriving - (self.live - self.leaving)


def answered(answer: "Answer") -> Finding:
    """S1 to S4: what the source said of itself."""
    state = _STATES[answer.state]
    if state is State.OK:
        return passed(1, answer.message)
    return Finding(
        state=state,
        evaluated=0 if state is State.UNKNOWN else 1,
        kind=Kind.LOSS if answer.is_loss else None,
        message=answer.message,
        hint=answer.repair or "bictl cdc check",
    )


def same_count(
    found: SourceKeys | None,
    *,
    expected: int | None,
    live: Callable[[], int],
    waiting: Callable[[], int],
    table: "Table",
    has_worker: bool,
) -> Finding:
    """S5: as many rows at the source as live keys. `found` is None without a source; `expected` is
    what an operator counted there, `waiting()` records are not in bronze yet."""
    wrong: list[str] = []
    if found is not None and found.apart:
        wrong.append(
            f"{counted(found.rows, 'row')} at the source, {counted(found.live, 'live key')} in"
            " bronze" + _on_the_way(found)
        )
    have = found.live if found is not None else live()
    if expected is not None and abs(expected - have) > (slack := waiting()):
        wrong.append(
            f"{counted(expected, 'row', 'was')} counted at the source,"
            f" {counted(have, 'key', 'is')} live in bronze"
        )
        if slack:
            wrong[-1] += f", {counted(slack, 'record', 'is')} on their way"
    if not wrong:
        rows = found.rows if found is not None else expected or 0
        return passed(
            max(1, have), f"{counted(rows, 'row')} at the source, {counted(have, 'live key')}"
        )
    return Finding(
        state=State.FAIL,
        evaluated=max(1, have),
        expected=str(found.rows if found is not None else expected),
        actual=str(have),
        missing=found.missing if found is not None else NOTHING,
        extra=found.extra if found is not None else NOTHING,
        message="; ".join(wrong),
        hint=_repair(found, table, has_worker=has_worker),
    )


def same_keys(found: SourceKeys, *, table: "Table", has_worker: bool) -> Finding:
    """S6: the source's keys are the live keys, and no other."""
    if found.uncomparable:
        return Finding(
            state=State.WARN,
            evaluated=max(1, found.rows),
            message=f"the key's {found.uncomparable} has another text in events: keys are counted,"
            " not compared",
            hint="S5 compares the counts",
        )
    if not found.missing and not found.extra:
        return passed(max(1, found.rows), _on_the_way(found).removeprefix(", "))
    least = "at least " if found.is_least else ""
    said = []
    if found.missing:
        said.append(
            f"{least}{counted(found.missing.total, 'source key', 'is')} in no layer:"
            f" {found.missing}"
        )
    if found.extra:
        said.append(
            f"{least}{counted(found.extra.total, 'key', 'is')} live that the source does not"
            f" have: {found.extra}"
        )
    return Finding(
        state=State.FAIL,
        evaluated=max(1, found.rows),
        expected=counted(found.rows, "key"),
        actual=counted(found.live, "live key"),
        missing=found.missing,
        extra=found.extra,
        message="; ".join(said)
        + f" (after {found.settled:.0f} s to arrive)"
        + "; not looked for in the objects that are not loaded" * found.may_be_in_objects,
        hint=f"bictl load-bronze --table {table.name}, and again"
        if found.may_be_in_objects
        else _repair(found, table, has_worker=has_worker),
    )


def tally(found: SourceKeys) -> Tally:
    """The boundary: each row of the source has its live key."""
    if found.uncomparable:
        both = min(found.rows, found.live)
        way = min(found.arriving, max(0, found.rows - both))
        return Tally(
            unit="keys",
            expected=found.rows,
            accounted=found.rows - way if not found.apart else both,
            in_flight=way,
            leaving=found.leaving,
        )
    return Tally(
        unit="keys",
        expected=found.rows,
        accounted=found.rows - found.missing.total - found.arriving,
        in_flight=found.arriving,
        leaving=found.leaving,
        missing=found.missing,
        extra=found.extra,
    )


def _on_the_way(found: SourceKeys) -> str:
    parts = []
    if found.arriving:
        parts.append(f"{found.arriving} on their way")
    if found.leaving:
        parts.append(f"{found.leaving} deleted ones on their way")
    return f", {', '.join(parts)}" if parts else ""


def _repair(found: SourceKeys | None, table: "Table", *, has_worker: bool) -> str:
    """An incremental snapshot brings what is missing; only a whole one closes what is too much, and
    only if it has a row to mark as its last."""
    if not has_worker:
        return (
            f"let Debezium take a new snapshot of {table.name}'s rows; with its worker as [connect]"
            f" url: bictl cdc snapshot --table {table.name}"
        )
    again = f"bictl cdc snapshot --table {table.name}"
    if found is None or not (found.extra or found.apart < 0):
        return again
    if found.rows:
        return f"{again} --blocking"
    return (
        "the source's table is empty, and the snapshot of an empty table marks no end: insert a"
        f" row there, {again} --blocking, delete the row"
    )
