"""A trace on a terminal: one block a layer, from the source down, 80 columns wide."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bictl.trace import Layer, Trace

Piece = tuple[str, str]  # a text and its style
Line = list[Piece]

_INDENT = 4
_GOOD, _WAITING, _BAD, _LOOK = "green", "cyan", "bold red", "magenta"
_MARKS = {_GOOD: "●", _WAITING: "○", _BAD: "✗", _LOOK: "?", "dim": "·"}
_HAS_IT = {"found", "newest", "superseded", "deleted", "closed", "pruned"}
_BREAKS = re.compile(r"[^\s/]*/|[^\s/]+\s*|\s+")  # a long object key is folded behind its slashes


def lines(trace: "Trace", *, width: int, by_key: bool, payload: bool) -> Iterator[Line]:
    """The whole picture."""
    yield from _head(trace, width)
    if by_key:
        yield from _events(trace)
    before: Layer | None = None
    for layer in trace.layers:
        same = before is not None and (before.said, before.repair) == (layer.said, layer.repair)
        brief = replace(layer, said=(), repair="") if same else layer
        yield from _block(brief, width, is_last=layer is trace.layers[-1])
        before = layer
    yield []
    yield from _foot(trace, width)
    if payload:
        yield []
        for text in json.dumps(trace.payload, indent=2, ensure_ascii=False, default=str).split(
            "\n"
        ):
            yield [(text, "")]


def _head(trace: "Trace", width: int) -> Iterator[Line]:
    named = ", ".join(f"{name}={value}" for name, value in (trace.key or {}).items())
    yield [(f"{trace.table} {named}".rstrip(), "bold")]
    if trace.place is not None:
        for text in folded(f"record {trace.place} of {trace.topic}", width):
            yield [(text, "")]
        number = "" if trace.generation_no is None else f" (number {trace.generation_no})"
        for text in folded(f"generation {trace.place.generation}{number}", width):
            yield [(text, "dim")]
    word, style = {0: ("ok", _GOOD), 3: ("unknown", _LOOK)}.get(trace.exit_code, ("fail", _BAD))
    for text in folded(f"{word}: {trace.told.words}", width):
        yield [(text, style)]
    if trace.told.command:
        yield [(f"→ {trace.told.command}", "yellow")]
    yield []


def _events(trace: "Trace") -> Iterator[Line]:
    shown, count = len(trace.events), trace.event_count
    if not shown:
        return
    title = f"the last {shown:,} of {count:,} events"
    if shown == count:
        title = "1 event" if count == 1 else f"{count:,} events"
    yield [(f"{title}, oldest first", "bold")]
    for event in trace.events:
        yield _event(event)
    yield []


def _event(event: Mapping[str, Any]) -> Line:
    mark, style = ("▸ ", "bold") if event["newest"] else ("  ", "")
    where = f"{event['partition']}:{event['offset']}"
    at = event["source_at"] or event["written_at"]
    position = event["commit_lsn"] or ("" if event["lsn"] is None else str(event["lsn"]))
    notes = [
        word
        for word in (
            "newest" if event["newest"] else "",
            f"in {event['where']}" if event["where"] not in ("bronze", "record") else "",
        )
        if word
    ]
    text = f"{mark}{where:<12} {event['op']:<10}{_time(at):<25}{position}"
    return [(text.rstrip(), style), (f"  {', '.join(notes)}" if notes else "", "dim")]


def _block(layer: "Layer", width: int, *, is_last: bool) -> Iterator[Line]:
    style = style_of(layer)
    delta, delta_style = _delta(layer)
    yield [
        (f"{_MARKS[style]} ", style),
        (f"{layer.name:<9}", "bold"),
        (f"{layer.state.value:<14}", style),
        (f"{_time(layer.at, whole=layer.whole_seconds):<26}" if layer.at or delta else "", ""),
        (delta, delta_style),
    ]
    rail = " " if is_last else "│"
    for sentence in layer.said:
        for text in folded(sentence, width - _INDENT):
            yield [(f"{rail}{' ' * (_INDENT - 1)}", "dim"), (text, "")]
    if layer.repair:
        yield [(f"{rail}{' ' * (_INDENT - 1)}", "dim"), (f"→ {layer.repair}", "yellow")]


def style_of(layer: "Layer") -> str:
    """The colour of its state, which always has a word too."""
    code = layer.state.exit_code
    if code:
        return _LOOK if code == 3 else _BAD
    if layer.state.value == "not yet":
        return _WAITING
    return _GOOD if layer.state.value in _HAS_IT else "dim"


def _delta(layer: "Layer") -> Piece:
    if layer.seconds is None:
        return "", ""
    if layer.seconds < 0:
        return f"-{duration(-layer.seconds)}", "yellow"
    return f"+{duration(layer.seconds)}", "cyan"


def _foot(trace: "Trace", width: int) -> Iterator[Line]:
    sums = [
        f"{name} {'-' if seconds < 0 else ''}{duration(abs(seconds))}"
        for name, seconds in (
            ("source → bronze", trace.latency.to_bronze),
            ("source → vectors", trace.latency.to_vectors),
        )
        if seconds is not None
    ]
    if sums:
        yield [(" · ".join(sums), "")]
    for name, sentences in (("looked at", trace.looked), ("not looked at", trace.not_looked)):
        for text in _listed(name, sentences, width):
            yield [(text, "dim")]


def _listed(name: str, sentences: Sequence[str], width: int) -> list[str]:
    return folded(f"{name}: {'; '.join(sentences)}", width) if sentences else []


def folded(text: str, width: int) -> list[str]:
    """The text in lines of at most so many characters, as far as its words let it."""
    found = [""]
    for part in _BREAKS.findall(text):
        if found[-1] and len(found[-1]) + len(part.rstrip()) > width:
            found.append("")
        found[-1] += part if found[-1] else part.lstrip()
    return [line.rstrip() for line in found]


def duration(seconds: float) -> str:
    """`0.5 s`, `3 min 2 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            return f"{whole // size:,} {unit} {whole % size // part} {smaller}"
    return f"{whole // 60} min {whole % 60} s"


def _time(moment: datetime | None, *, whole: bool = False) -> str:
    if moment is None:
        return ""
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text[:19] if whole else text[:23]
