"""The one sentence: what is proved, or where it breaks first. It never says more than the checks.

0.18 % of 61443 records accounted for. Break: Kafka → objects, partition 0, offsets …
Kafka → vectors complete: 61443 of 61443 records through 0:61443; source not verified
"""

from collections.abc import Sequence
from fractions import Fraction

from bictl.counted import counted
from bictl.verify.ranges import in_words
from bictl.verify.report import Boundary, Check, Kind, Report, State, Tally, percent

RECORDS = "records"
_REASONS = 3  # why something is unknown, as a sentence may have them


def headline(report: Report) -> str:
    """The sentence for a report whose state is known."""
    if report.state is State.FAIL:
        part, said = report.slice, broken(report.boundaries, report.checks)
        if part and part.words not in said:
            said += f"; of the contents only {part.words} was looked at"
        return said
    if report.state is State.UNKNOWN:
        return _with_scope(_unknown(report), report)
    if report.partial:
        return _with_scope(_selected(report), report)
    if report.level == "quick":
        return _with_scope(_quick(report), report)
    return _with_scope(_complete(report) if report.complete else _in_flight(report), report)


def broken(boundaries: Sequence[Boundary], checks: Sequence[Check]) -> str:
    """Where it breaks first, in the order of the flow; evidence of loss comes before anything."""
    lost = [check for check in checks if check.state is State.FAIL and check.kind is Kind.LOSS]
    if lost:
        where = next((item for item in boundaries if item.name == lost[0].boundary), None)
        return f"{_share(where, boundaries)}Break: {lost[0].boundary}, {lost[0].message}"
    for item in boundaries:
        if item.state is State.FAIL:
            return f"{_share(item, boundaries)}Break: {item.name}, {_what(item)}"
    failed = next(check for check in checks if check.state is State.FAIL)
    return f"{_share(None, boundaries)}Break: {failed.boundary}, {failed.message}"


def totals(boundaries: Sequence[Boundary]) -> Tally | None:
    """Records that must be there, and those that have come all the way to bronze."""
    tallies = [
        item.tally for item in boundaries if item.tally is not None and item.tally.unit == RECORDS
    ]
    if not tallies:
        return None
    return Tally(
        expected=tallies[0].expected,
        accounted=min(tally.accounted for tally in tallies),
        in_flight=sum(tally.in_flight for tally in tallies),
        pruned=sum(tally.pruned for tally in tallies),
        at_most=tallies[0].at_most,
    )


def least_share(boundaries: Sequence[Boundary]) -> tuple[int, int] | None:
    """Accounted and expected where the share of them is smallest, in records or in keys; None where
    a boundary could not be counted, or nothing is expected at all."""
    tallies = [item.tally for item in boundaries]
    shares = [
        (min(one.accounted, one.expected), one.expected)
        for one in tallies
        if one is not None and one.expected
    ]
    if None in tallies or not shares:
        return None
    return min(shares, key=lambda pair: Fraction(*pair))


def _share(item: Boundary | None, boundaries: Sequence[Boundary]) -> str:
    tally = totals(boundaries)
    if item is not None and item.tally is not None and item.tally.unit != RECORDS:
        tally = item.tally
    if tally is None or tally.accounted >= tally.expected:
        return ""
    most = "at most " if tally.at_most else ""
    share = percent(tally.accounted, tally.expected)
    return f"{share} % of {most}{_units(tally.expected, tally)} accounted for. "


def _units(number: int, tally: Tally) -> str:
    return counted(number, tally.unit.removesuffix("s"))


def _what(item: Boundary) -> str:
    tally = item.tally
    if tally is not None and tally.missing:
        missing = tally.missing
        size = missing.of(tally.unit.removesuffix("s"))
        if missing.ranges:
            return f"{missing} ({size}) not {item.verb}"
        return f"{size} not {item.verb}: {missing}"
    if tally is not None and tally.extra and not item.note:
        return f"{tally.extra.of(tally.unit.removesuffix('s'))} too many: {tally.extra}"
    return item.note or "the two sides do not balance"


def _flow(report: Report) -> str:
    return f"{report.boundaries[0].upstream} → {report.boundaries[-1].downstream}"


def _through(report: Report) -> str:
    return f" through {', '.join(report.cut)}" if report.cut else ""


def _complete(report: Report) -> str:
    tally = totals(report.boundaries)
    if tally is None or not tally.expected:
        return f"{_flow(report)} complete: the topic holds no record, as expected"
    most = "at most " if tally.at_most else ""
    return (
        f"{_flow(report)} complete: {tally.accounted} of {most}{counted(tally.expected, 'record')}"
        f"{_pruned(tally)}{_through(report)}"
    )


def _pruned(tally: Tally) -> str:
    return f" ({tally.pruned:,} pruned from bronze)" if tally.pruned else ""


def _in_flight(report: Report) -> str:
    waiting = [
        f"{_units(item.tally.in_flight, item.tally)} not {item.verb} yet"
        for item in report.boundaries
        if item.tally is not None and item.tally.in_flight
    ]
    tally = totals(report.boundaries)
    there = (
        f"{tally.accounted} of {counted(tally.expected, 'record')}{_pruned(tally)}"
        if tally
        else "nothing"
    )
    return f"{_flow(report)} in flight: {there} accounted for{_through(report)}; " + (
        ", ".join(waiting) or "the two sides do not balance yet"
    )


def _quick(report: Report) -> str:
    since = report.since or "no full verdict stands behind this quick look"
    return f"{since}; since then nothing amiss in what a quick look compares{_through(report)}"


def _selected(report: Report) -> str:
    ids = [check.id for check in report.checks]
    said = ", ".join(ids) if len(ids) <= 12 else counted(len(ids), "check")
    return f"nothing amiss in {said}{_through(report)}"


def _unknown(report: Report) -> str:
    names = [item.name for item in report.boundaries if item.state is State.UNKNOWN]
    reasons = dict.fromkeys(
        check.message for check in report.checks if check.state is State.UNKNOWN and check.message
    )
    whole = [item.name for item in report.boundaries if item.state in (State.OK, State.WARN)]
    proved = f"; {', '.join(whole)} agree" if whole else ""
    why = "; ".join(list(reasons)[:_REASONS])
    if len(reasons) > _REASONS:
        why += f"; and {counted(len(reasons) - _REASONS, 'more reason')}"
    return f"cannot tell: {', '.join(names) or 'some checks'} ({why}){proved}"


def _with_scope(text: str, report: Report) -> str:
    """The sentence with what stands in quarantine, what a person accepted as lost, and what was out
    of this scope."""
    if report.quarantined:
        text = f"{text}; {report.quarantined} of them in quarantine and not in bronze"
    if report.expired:
        text = f"{text}; objects of {', '.join(map(str, report.expired.ranges))} have expired"
    lost = report.accepted_loss
    if lost:
        text = f"{text}; {in_words(lost.ranges)} ({lost.of('record')}) acknowledged as lost"
    if not report.unverified:
        return text
    return f"{text}; {', '.join(report.unverified)} not verified"
