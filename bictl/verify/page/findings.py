"""What the checks found, with the command that repairs it; what a person acknowledged."""

import re
from collections.abc import Sequence

from bictl.verify.page.markup import NOTHING, Markup, count, many, seconds, short, tag
from bictl.verify.page.words import badge
from bictl.verify.report import Check, Report, Sample, State

KEYS = 12  # keys of a sample that a page lists
_ORDER = (State.FAIL, State.UNKNOWN, State.WARN)
_COMMAND = re.compile(
    r"(?:alter|create|drop|select|update|delete) .*|bictl (?:[^;,]|[;,](?! ))*", re.DOTALL
)


def findings(report: Report) -> Markup:
    """Every check that is not well, the worst first."""
    wrong = sorted(
        (check for check in report.checks if check.state is not State.OK),
        key=lambda check: _ORDER.index(check.state),
    )
    if not wrong:
        return tag("p", {"class": "calm"}, badge("ok", "ok"), f"All {len(report.checks)} checks.")
    return many(_finding(check) for check in wrong)


def command_of(hint: str) -> tuple[str, str]:
    """The command at a hint's beginning, and the words behind it; "" where there is none."""
    found = _COMMAND.match(hint)
    if found is None:
        return "", hint
    return found[0].rstrip(), hint[found.end() :].lstrip(" ;,")


def repair(hint: str) -> Markup:
    """What to do: a command by itself, so that it can be copied, and the rest in words."""
    command, words = command_of(hint)
    parts = []
    if command:
        parts.append(tag("code", {"class": "command"}, *_words(command)))
    if words:
        parts.append(tag("span", {"class": "words"}, words))
    return tag("p", {"class": "repair"}, *parts) if parts else NOTHING


def _words(command: str) -> list[Markup | str]:
    """Its words, none of which is torn at a hyphen where a line ends."""
    words = [tag("span", {"class": "word"}, word) for word in command.split(" ")]
    return [part for word in words for part in (word, " ")][:-1]


def _finding(check: Check) -> Markup:
    state = check.state.value
    facts = [
        ("expected", text(check.expected)),
        ("found", text(check.actual)),
        ("missing", sample(check.missing)),
        ("too many", sample(check.extra)),
        ("at", text(check.cut)),
    ]
    return tag(
        "article",
        {"class": f"finding {state}"},
        tag(
            "h4",
            {},
            badge(state, "loss" if state == "fail" and check.kind == "loss" else state),
            tag("span", {"class": "id"}, check.id),
            check.title,
        ),
        tag("p", {"class": "boundary muted"}, check.boundary),
        tag("p", {"class": "message"}, short(check.message)) if check.message else NOTHING,
        tag(
            "dl",
            {},
            *(many([tag("dt", {}, name), tag("dd", {}, value)]) for name, value in facts if value),
        ),
        repair(check.hint),
    )


def text(value: str) -> Markup:
    """A side of a check, or nothing."""
    return tag("span", {}, short(value)) if value else NOTHING


def sample(found: Sample) -> Markup:
    """The whole number, and the ranges or keys of which there is room for."""
    if not found:
        return NOTHING
    named = [str(item) for item in found.ranges] or [short(key) for key in found.keys]
    shown = [tag("code", {}, name) for name in named[:KEYS]]
    most = "at most " if found.at_most else ""
    more = f" and {count(len(named) - KEYS)} more listed in the JSON form" * (len(named) > KEYS)
    return tag(
        "span",
        {"class": "sample"},
        tag("b", {}, f"{most}{count(found.total)}"),
        *(tag("span", {}, " ", one) for one in shown),
        more,
    )


def acknowledged(said: Sequence[str]) -> Markup:
    """What a person answers for: who, when, until when and why."""
    return tag("ul", {"class": "acks"}, *(tag("li", {}, short(words)) for words in said))


def all_checks(report: Report) -> Markup:
    """Every check in the order of the flow."""
    rows = [
        tag(
            "tr",
            {"class": check.state.value},
            tag("td", {}, badge(check.state.value, check.state.value)),
            tag("th", {"scope": "row"}, check.id),
            tag("td", {}, check.title),
            tag("td", {}, check.boundary),
            tag("td", {"class": "number"}, count(check.evaluated)),
            tag("td", {"class": "number"}, seconds(check.seconds)),
            tag("td", {"class": "said"}, short(check.message)),
        )
        for check in report.checks
    ]
    heads = ("state", "check", "what it holds", "boundary", "evaluated", "took", "what was found")
    return tag(
        "details",
        {"class": "checks"},
        tag("summary", {}, f"All {len(report.checks)} checks of this run"),
        scrolled(f"Checks of {short(report.table)}", heads, rows, numbers=("evaluated", "took")),
    )


def scrolled(
    name: str, heads: Sequence[str], rows: Sequence[Markup], *, numbers: Sequence[str] = ()
) -> Markup:
    """A table that scrolls by itself where a window is narrower."""
    head = (
        tag("th", {"scope": "col", "class": "number" if words in numbers else None}, words)
        for words in heads
    )
    return tag(
        "div",
        {"class": "scroll", "tabindex": 0, "role": "region", "aria-label": name},
        tag("table", {}, tag("thead", {}, tag("tr", {}, *head)), tag("tbody", {}, *rows)),
    )
