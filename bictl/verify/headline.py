"""The one sentence: what is proved, or where it breaks first. It never says more than the checks.

0.18 % of 61443 records accounted for. Break: Kafka → objects, partition 0, offsets …
Kafka → vectors complete: 61443 of 61443 records through 0:61443; source not verified
"""

from collections.abc import Sequence
from fractions import Fraction

from bictl.verify.ranges import in_words
from bictl.verify.report import Boundary, Check, Kind, Report, State, Tally, percent

RECORDS = "records"


def headline(report: Report) -> str:
    """The sentence for a report whose state is known."""
    if report.state is State.FAIL:
        part = report.slice
        said = f"; of the contents only {part.words} was looked at" if part else ""
        return f"{broken(report.boundaries, report.checks)}{said}"
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
    counted = [
        item.tally for item in boundaries if item.tally is not None and item.tally.unit == RECORDS
    ]
    if not counted:
        return None
    return Tally(
        expected=counted[0].expected,
        accounted=min(tally.accounted for tally in counted),
        in_flight=sum(tally.in_flight for tally in counted),
        pruned=sum(tally.pruned for tally in counted),
        at_most=counted[0].at_most,
    )


def least_share(boundaries: Sequence[Boundary]) -> tuple[int, int] | None:
    """Accounted and expected where the share of them is smallest, in records or in keys; None where
    a boundary could not be counted, or nothing is expected at all."""
    tallies = [item.tally for item in boundaries]
    counted = [
        (min(one.accounted, one.expected), one.expected)
        for one in tallies
        if one is not None and one.expected
    ]
    if None in tallies or not counted:
        return None
    return min(counted, key=lambda pair: Fraction(*pair))


def _share(item: Boundary | None, boundaries: Sequence[Boundary]) -> str:
    tally = totals(boundaries)
    if item is not None and item.tally is not None and item.tally.unit != RECORDS:
        tally = item.tally
    if tally is None or not tally.expected:
        return ""
    most = "at most " if tally.at_most else ""
    share = percent(tally.accounted, tally.expected)
    return f"{share} % of {most}{tally.expected} {tally.unit} accounted for. "


def _what(item: Boundary) -> str:
    tally = item.tally
    if tally is not None and tally.missing:
        missing = tally.missing
        if missing.ranges:
            return f"{missing} ({missing.count} {tally.unit}) not {item.verb}"
        return f"{missing.count} {tally.unit} not {item.verb}: {missing}"
    if tally is not None and tally.extra and not item.note:
        return f"{tally.extra.count} {tally.unit} too many: {tally.extra}"
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
        f"{_flow(report)} complete: {tally.accounted} of {most}{tally.expected} records"
        f"{_pruned(tally)}{_through(report)}"
    )


def _pruned(tally: Tally) -> str:
    return f" ({tally.pruned:,} pruned from bronze)" if tally.pruned else ""


def _in_flight(report: Report) -> str:
    waiting = [
        f"{item.tally.in_flight} {item.tally.unit} not {item.verb} yet"
        for item in report.boundaries
        if item.tally is not None and item.tally.in_flight
    ]
    tally = totals(report.boundaries)
    counted = (
        f"{tally.accounted} of {tally.expected} records{_pruned(tally)}" if tally else "nothing"
    )
    return f"{_flow(report)} in flight: {counted} accounted for{_through(report)}; " + (
        ", ".join(waiting) or "the two sides do not balance yet"
    )


def _quick(report: Report) -> str:
    since = report.since or "no full verdict stands behind this quick look"
    return f"{since}; since then nothing amiss in what a quick look compares{_through(report)}"


def _selected(report: Report) -> str:
    ids = [check.id for check in report.checks]
    said = ", ".join(ids) if len(ids) <= 12 else f"{len(ids)} checks"
    return f"nothing amiss in {said}{_through(report)}"


def _unknown(report: Report) -> str:
    names = [item.name for item in report.boundaries if item.state is State.UNKNOWN]
    reasons = dict.fromkeys(
        check.message for check in report.checks if check.state is State.UNKNOWN and check.message
    )
    whole = [item.name for item in report.boundaries if item.state in (State.OK, State.WARN)]
    proved = f"; {', '.join(whole)} agree" if whole else ""
    return f"cannot tell: {', '.join(names) or 'some checks'} ({'; '.join(reasons)}){proved}"


def _with_scope(text: str, report: Report) -> str:
    """The sentence with what stands in quarantine, what a person accepted as lost, and what was out
    of this scope."""
    if report.quarantined:
        text = f"{text}; {report.quarantined} of them in quarantine and not in bronze"
    if report.expired:
        text = f"{text}; objects of {', '.join(map(str, report.expired.ranges))} have expired"
    lost = report.accepted_loss
    if lost:
        text = f"{text}; {in_words(lost.ranges)} ({lost.count} records) acknowledged as lost"
    if not report.unverified:
        return text
    return f"{text}; {', '.join(report.unverified)} not verified"
