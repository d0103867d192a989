"""The pipeline as a flow: six layers, and between them what was counted on both sides.

Drawn twice, lying for wide windows and standing for narrow ones; the style shows one of them.
"""

from dataclasses import dataclass
from itertools import pairwise

from bictl.verify.layers import (
    BRONZE,
    KAFKA,
    OBJECTS,
    SOURCE,
    STAGING,
    VECTORS,
)
from bictl.verify.page.markup import NOTHING, Markup, count, many, tag
from bictl.verify.page.words import SHAPES, SIGN_PATHS
from bictl.verify.report import Boundary, Report, State, Tally, worst

LAYERS = (SOURCE, KAFKA, OBJECTS, BRONZE, STAGING, VECTORS)
_ICONS = {  # in a square of 24
    SOURCE: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0",
    KAFKA: "M3 7h18M3 12h18M3 17h18M7 5v4m5 1v4m5 1v4",
    OBJECTS: "M12 2l9 5v10l-9 5-9-5V7zM3 7l9 5 9-5M12 12v10",
    BRONZE: "M3 5h18v14H3zM3 10h18M3 14.5h18",
    STAGING: "M3 5h18v14H3zM3 10h18M9 10v9M15 10v9",
    VECTORS: "M4 3v17h17M9 15.5h.1M11 9h.1M15 12.5h.1M16 6h.1M19.5 9.5h.1",
}
_NODE, _HIGH, _STEP = 96.0, 62.0, 201.0  # a lying node's width and height, and from one to the next
_TALL, _LINK = 48.0, 78.0  # a standing node's height, and from one to the next
_WIDE, _TOP = 1104.0, 62.0
_NARROW = 340.0


@dataclass(frozen=True)
class Link:
    """One boundary as it is drawn: its class, the words above its line and below it."""

    state: str
    above: tuple[str, ...]
    below: tuple[tuple[str, str], ...]  # class, words
    name: str


def flow(report: Report) -> Markup:
    """Both drawings."""
    links, nodes = _links(report), _nodes(report)
    words = "; ".join(
        f"{link.name}: {', '.join([*link.above, *(text for _, text in link.below)])}"
        for link in links
    )
    return many([_lying(links, nodes, words), _standing(links, nodes, words)])


def _links(report: Report) -> list[Link]:
    found, broken = [], False
    boundaries = {item.name: item for item in report.boundaries}
    for upstream, downstream in pairwise(LAYERS):
        name = f"{upstream} → {downstream}"
        item = boundaries.get(name)
        link = _outside(report, name) if item is None else _link(item, below_break=broken)
        broken = broken or link.state == "fail"
        found.append(link)
    return found


def _outside(report: Report, name: str) -> Link:
    """A boundary that is not counted: out of scope, or judged by its checks alone."""
    mine = [check for check in report.checks if check.boundary == name]
    state = worst(check.state for check in mine) if mine else None
    if state is None or state is State.OK:
        looked = f"{len(mine)} check{'s' * (len(mine) > 1)} ok" if mine else ""
        return Link("out", ("not compared",), (("muted", looked or "out of scope"),), name)
    bad = ", ".join(check.id for check in mine if check.state is state)
    return Link(state.value, ("not counted",), ((state.value, f"{state.value}: {bad}"),), name)


def _link(item: Boundary, *, below_break: bool) -> Link:
    tally = item.tally
    if tally is None:
        return Link(
            item.state.value, ("not counted",), ((item.state.value, _word(item)),), item.name
        )
    most = "at most " if tally.at_most else ""
    above = (f"{count(tally.accounted)} of {most}{count(tally.expected)}", tally.unit)
    state = item.state.value
    if item.state is State.OK and not tally.whole:
        state = "flight"
    below = _differences(tally)
    if not below:
        below = [("muted" if state == "ok" else state, _word(item))]
    if below_break and state == "ok":
        return Link("ok below", above, (("muted", "agrees, below a break"),), item.name)
    return Link(state, above, tuple(below[:2]), item.name)


def _differences(tally: Tally) -> list[tuple[str, str]]:
    return [
        (kind, f"{most}{count(number)} {word}")
        for kind, number, word, most in (
            ("fail", tally.missing.total, "missing", "at most " * tally.missing.at_most),
            ("fail", tally.extra.total, "too many", ""),
            ("flight", tally.in_flight, "in flight", ""),
            ("flight", tally.leaving, "about to leave", ""),
            ("muted", tally.pruned, "pruned", ""),
        )
        if number
    ]


def _word(item: Boundary) -> str:
    words = {"ok": "whole", "warn": "whole, with a warning", "fail": "a check failed"}
    return words.get(item.state.value, "cannot tell")


def _nodes(report: Report) -> dict[str, tuple[str, str]]:
    """What each layer holds of what is expected, and its class: grey where it is out of scope."""
    held = dict.fromkeys(LAYERS, ("", "out"))
    for item in report.boundaries:
        tally = item.tally
        if held[item.upstream][1] == "out":
            known = f"{count(tally.expected)} {tally.unit}" if tally else "?"
            held[item.upstream] = (known, "in" if tally else "unknown")
        known = f"{count(tally.accounted)} {tally.unit}" if tally else "?"
        held[item.downstream] = (known, "in" if tally else "unknown")
    return held


def _lying(links: list[Link], nodes: dict[str, tuple[str, str]], words: str) -> Markup:
    parts = []
    high = _TOP + _HIGH + 18 + 18 * max(len(link.below) for link in links)
    for at, link in enumerate(links):
        left, right = at * _STEP + _NODE, (at + 1) * _STEP
        middle, line = (left + right) / 2, _TOP + _HIGH / 2
        if link.state == "fail":
            parts.append(
                tag("rect", {"class": "break", "x": left - 36, "y": 4.0, "width": right - left + 72,
                             "height": high - 6, "rx": 12})
            )  # fmt: skip
        parts.append(_line(link.state, left + 4, line, right - 6, line))
        parts.append(_sign(link.state, middle, line))
        lines = [("count" if not row else "unit", text) for row, text in enumerate(link.above)]
        for row, (kind, text) in enumerate(lines):
            parts.append(_text(kind, middle, 26 + 18 * row, text))
        for row, (kind, text) in enumerate(link.below):
            parts.append(_text(f"note {kind}", middle, _TOP + _HIGH + 24 + 18 * row, text))
    for at, layer in enumerate(LAYERS):
        parts.append(_box(layer, nodes[layer], at * _STEP))
    return _drawing("lying", f"-1 0 {_WIDE:g} {high + 2:g}", words, parts)


def _box(layer: str, held: tuple[str, str], x: float) -> Markup:
    middle, (known, kind) = x + _NODE / 2, held
    return tag(
        "g",
        {"class": f"node {kind}"},
        tag("rect", {"x": x, "y": _TOP, "width": _NODE, "height": _HIGH, "rx": 10}),
        _icon(layer, middle - 9, _TOP + 8, 18),
        _text("name", middle, _TOP + 43, layer),
        _text("held", middle, _TOP + 56, known.replace(" records", "").replace(" keys", "")),
    )


def _standing(links: list[Link], nodes: dict[str, tuple[str, str]], words: str) -> Markup:
    parts, step = [], _TALL + _LINK
    for at, link in enumerate(links):
        top, bottom = at * step + _TALL, (at + 1) * step
        if link.state == "fail":
            parts.append(
                tag("rect", {"class": "break", "x": 0.0, "y": top + 3, "width": _NARROW,
                             "height": _LINK - 6, "rx": 10})
            )  # fmt: skip
        parts.append(_line(link.state, 30, top + 3, 30, bottom - 5))
        parts.append(_sign(link.state, 30, (top + bottom) / 2))
        rows = [("count left", " ".join(link.above))]
        rows += [(f"note left {kind}", text) for kind, text in link.below]
        start = (top + bottom) / 2 - 9 * (len(rows) - 1) + 5
        for row, (kind, text) in enumerate(rows):
            parts.append(_text(kind, 58, start + 18 * row, text))
    for at, layer in enumerate(LAYERS):
        known, kind = nodes[layer]
        y = at * step
        parts.append(
            tag(
                "g",
                {"class": f"node {kind}"},
                tag("rect", {"x": 1.0, "y": y + 1, "width": _NARROW - 2, "height": _TALL - 2,
                             "rx": 10}),
                _icon(layer, 21, y + 15, 18),
                _text("name left", 58, y + 29, layer),
                _text("held right", _NARROW - 16, y + 29, known),
            )
        )  # fmt: skip
    high = (len(LAYERS) - 1) * step + _TALL
    return _drawing("standing", f"0 0 {_NARROW:g} {high:g}", words, parts)


def _drawing(kind: str, box: str, words: str, parts: list[Markup]) -> Markup:
    return tag(
        "svg",
        {
            "class": f"flow {kind}",
            "viewBox": box,
            "role": "img",
            "aria-label": f"The flow. {words}",
        },
        *parts,
    )


def _line(state: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """The line with its head; a break leaves the middle of it out."""
    head = 7.0
    if x1 == x2:
        tip = f"M{x2 - head:g} {y2 - head:g}L{x2:g} {y2:g}L{x2 + head:g} {y2 - head:g}"
    else:
        tip = f"M{x2 - head:g} {y2 - head:g}L{x2:g} {y2:g}L{x2 - head:g} {y2 + head:g}"
    return tag(
        "g",
        {"class": f"link {state}"},
        tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2}),
        tag("path", {"d": tip}),
    )


def _sign(state: str, x: float, y: float) -> Markup:
    name = state.partition(" ")[0]
    size = 26.0
    return tag(
        "svg",
        {"class": f"sign {state}", "x": x - size / 2, "y": y - size / 2, "width": size,
         "height": size, "viewBox": "0 0 24 24"},
        tag("path", {"class": "halo", "d": SHAPES[name]}),
        tag("path", {"class": "shape", "d": SHAPES[name]}),
        tag("path", {"class": "stroke", "d": SIGN_PATHS[name]}),
    )  # fmt: skip


def _icon(layer: str, x: float, y: float, size: int) -> Markup:
    return tag(
        "svg",
        {"class": "icon", "x": x, "y": y, "width": size, "height": size, "viewBox": "0 0 24 24"},
        tag("path", {"d": _ICONS[layer]}),
    )


def _text(kind: str, x: float, y: float, words: str) -> Markup:
    return tag("text", {"class": kind, "x": x, "y": y}, words) if words else NOTHING
