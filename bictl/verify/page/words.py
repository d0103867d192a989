"""States and kinds in words and signs: a colour is never alone."""

from collections.abc import Mapping
from datetime import UTC, datetime

from bictl.verify.axes import What
from bictl.verify.headline import least_share
from bictl.verify.page.markup import Markup, tag
from bictl.verify.report import Report, State, percent

SIGNS = {
    "ok": "✓",
    "warn": "!",
    "fail": "✗",
    "unknown": "?",
    "flight": "…",
    "out": "–",
    "killed": "✗",
    "running": "…",
    "never": "–",
}
# Shapes around the signs, in a square of 24: each state has its own.
SHAPES = {
    "ok": "M12 1a11 11 0 1 1 0 22 11 11 0 0 1 0-22z",
    "warn": "M12 1.5 23.5 22h-23z",
    "fail": "M7.4 1h9.2L23 7.4v9.2L16.6 23H7.4L1 16.6V7.4z",
    "unknown": "M12 0 24 12 12 24 0 12z",
    "flight": "M3 5h18v14H3z",
    "out": "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z",
}
SIGN_PATHS = {
    "ok": "M6.5 12.5l3.7 3.7 7.3-8",
    "warn": "M12 9v6m0 3v.6",
    "fail": "M8 8l8 8m0-8l-8 8",
    "unknown": "M9.2 9.4c0-3.6 5.8-3.4 5.6.1-.1 2-2.8 2.2-2.8 4.4m0 3v.6",
    "flight": "M7 12h.5m4.5 0h.5m4.5 0h.5",
    "out": "M9 12h6",
}
KINDS: Mapping[What, str] = {
    What.MISSING: "missing",
    What.EXTRA: "too many: in no layer before, or twice",
    What.NAMED: "named by a check below",
    What.UNKNOWN: "unknown: lost or expired",
    What.ACKNOWLEDGED: "acknowledged as lost",
    What.QUARANTINED: "quarantined",
    What.IN_FLIGHT: "in flight: younger than max_lag",
    What.EXPIRED: "expired by a rule; bronze holds it",
    What.PRUNED: "pruned: newer ones stand there",
    What.HELD: "there",
    What.OPEN: "in an open transaction",
    What.DISCARDED: "discarded by Kafka",
    What.NOT_YET: "not yet: not in the layer before",
    What.GAP: "no record: a legal gap",
}


def slug(what: What) -> str:
    """`in-flight`: a kind's name in classes and ids."""
    return what.name.lower().replace("_", "-")


def verdict(report: Report) -> tuple[str, str]:
    """The verdict's class and its word."""
    if report.state is State.FAIL:
        return "fail", "loss" if report.exit_code == 6 else "broken"
    if report.state is State.UNKNOWN:
        return "unknown", "cannot tell"
    if report.complete:
        warns = report.state is State.WARN
        return ("warn", "complete, with warnings") if warns else ("ok", "complete")
    if report.level == "quick":
        return ("warn" if report.state is State.WARN else "ok"), "nothing amiss since"
    return "flight", "in flight"


def share(report: Report) -> str:
    """`0.18 %`: of the boundary where it is smallest; nothing where the verdict does not know, and
    no hundred where something else is broken."""
    least = least_share(report.boundaries)
    if report.state is State.UNKNOWN or least is None:
        return ""
    if report.state is State.FAIL and least[0] == least[1]:
        return ""
    return f"{percent(*least)} %"


def sign(state: str, *, size: int = 20) -> Markup:
    """A state's sign in its own shape; its word stands beside it."""
    return tag(
        "svg",
        {"class": f"sign {state}", "viewBox": "0 0 24 24", "width": size, "height": size,
         "aria-hidden": "true"},
        tag("path", {"class": "shape", "d": SHAPES.get(state, SHAPES["out"])}),
        tag("path", {"class": "stroke", "d": SIGN_PATHS.get(state, SIGN_PATHS["out"])}),
    )  # fmt: skip


def badge(state: str, word: str) -> Markup:
    """A state in sign, word and colour."""
    return tag("span", {"class": f"badge {state}"}, sign(state, size=16), word)


def moment(at: datetime) -> Markup:
    """A time in UTC, to the second."""
    utc = at.astimezone(UTC)
    return tag(
        "time", {"datetime": utc.strftime("%Y-%m-%dT%H:%M:%SZ")}, f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    )
