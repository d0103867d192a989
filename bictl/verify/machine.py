"""Around the pipeline: room on disks, certificates and passwords that end, clocks, locks, and how
long ago each stage succeeded. The looks are doctor's own; here they become findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.ingest.keeping import span
from bictl.verify.report import Finding, State, of_keys, passed, worst

if TYPE_CHECKING:
    from bictl.ops.answer import Answer
    from bictl.ops.ledger import Last
    from bictl.ops.locks import Holder
    from bictl.settings import Table

EXPIRES_SOON, EXPIRES_NOW = timedelta(days=14), timedelta(days=2)
_STATES = {"ok": State.OK, "warn": State.WARN, "fail": State.FAIL, "unknown": State.UNKNOWN}
_TIMES = 4  # a lock that is held so many times as long as it may be is stuck


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """What ends some day: a certificate or a password, whose; `end` is None where it has none."""

    what: str
    end: datetime | None
    renew: str


def looks(found: "Mapping[str, Answer]", *, nothing: str) -> Finding:
    """M4, M8: the worst of several looks at one kind of thing, by what was looked at."""
    told = {what: answer for what, answer in found.items() if answer.state != "skipped"}
    if not told:
        return passed(1, nothing)
    state = worst(_STATES[answer.state] for answer in told.values())
    bad = {what: one for what, one in told.items() if _STATES[one.state] is not State.OK}
    if not bad:
        said = "; ".join(f"{what} {answer.detail}" for what, answer in told.items())
        return passed(len(told), said)
    first = next(one for one in bad.values() if _STATES[one.state] is state)
    return Finding(
        state=state,
        evaluated=len(told),
        extra=of_keys(list(bad)),
        actual="; ".join(f"{what} {answer.detail}" for what, answer in bad.items()),
        message="; ".join(f"{what}: {answer.detail}" for what, answer in bad.items()),
        hint=first.hint or "bictl doctor",
    )


def expiries(found: Sequence[Expiry], *, now: datetime) -> Finding:
    """M5: no certificate and no password ends within two weeks; within two days is a failure."""
    ends = [(one.end, one) for one in found if one.end is not None]
    ending = sorted(ends, key=lambda pair: pair[0])
    soon = [(end, one) for end, one in ending if end - now < EXPIRES_SOON]
    if not soon:
        first = f"the first ends on {ending[0][0]:%Y-%m-%d}: {ending[0][1].what}" if ending else ""
        return passed(len(found) or 1, first or "nothing in use shows an end")
    end, one = soon[0]
    return Finding(
        state=State.FAIL if end - now < EXPIRES_NOW else State.WARN,
        evaluated=len(found),
        extra=of_keys([each.what for _, each in soon]),
        expected=f"valid for {EXPIRES_SOON.days} days",
        actual=f"until {end:%Y-%m-%d %H:%M} UTC",
        message="; ".join(
            f"{each.what} {'has ended' if at <= now else 'ends'} on {at:%Y-%m-%d %H:%M} UTC"
            for at, each in soon
        ),
        hint=one.renew,
    )


def stages(found: "Sequence[Last]", *, every: int, now: datetime, table: "Table") -> Finding:
    """M6: each stage succeeded within `every` seconds (0: nobody said how often it runs, then age
    is no fault), and did not come to nothing ever since. Three times as long is a failure."""
    late = [one for one in found if every and _age(one, now) > every]
    failing = [one for one in found if one.failed_since and one.newest_state in ("fail", "killed")]
    if not late and not failing:
        ran = [f"{one.stage} {span(_age(one, now))} ago" for one in found if one.at is not None]
        return passed(len(found) or 1, ", ".join(ran) or "no stage ever ran")
    dead = [one for one in late if _age(one, now) > 3 * every]
    said = [f"{one.stage} {_ago(one, now)}" for one in late]
    said += [
        f"{one.stage} came to nothing {counted(one.failed_since, 'time')} since it last succeeded:"
        f" {one.newest_summary}"
        for one in failing
    ]
    return Finding(
        state=State.FAIL if dead else State.WARN,
        evaluated=len(found),
        extra=of_keys([one.stage for one in dict.fromkeys([*late, *failing])]),
        expected=f"a success every {span(every)}" if every else "a success after the last failure",
        actual="; ".join(said),
        message="; ".join(said),
        hint=f"bictl run --table {table.name}; what happened: bictl runs list --table {table.name}",
    )


def locks(held: "Mapping[str, Holder]", *, longest: int, now: datetime) -> Finding:
    """M9: no lock of the table is held for more than `longest` seconds (0: as long as one likes);
    four times as long is a failure."""
    ages = {
        stage: now.timestamp() - holder.since
        for stage, holder in held.items()
        if holder.since is not None
    }
    old = [stage for stage, age in ages.items() if longest and age > longest]
    if not old:
        return passed(max(1, len(held)), "; ".join(f"{k}: {v}" for k, v in held.items()))
    oldest = max(old, key=lambda stage: ages[stage])
    holder = held[oldest]
    return Finding(
        state=State.FAIL if ages[oldest] > _TIMES * longest else State.WARN,
        evaluated=len(held),
        extra=of_keys(old),
        expected=f"no lock older than {span(longest)}",
        actual=span(ages[oldest]),
        message="; ".join(f"the lock of {stage} is held by {held[stage]}" for stage in old),
        hint=f"on {holder.host}: ps -fp {holder.pid}; if it does nothing any more:"
        f" kill {holder.pid}",
    )


def _age(one: "Last", now: datetime) -> float:
    """Seconds since the last success began; without one it never was."""
    return float("inf") if one.at is None else (now - one.at).total_seconds()


def _ago(one: "Last", now: datetime) -> str:
    if one.at is None:
        return "never succeeded"
    return f"last succeeded {span(_age(one, now))} ago"
