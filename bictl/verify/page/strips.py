"""The offset axis of each partition: one line a layer, and what stands where.

The first picture is to scale; where something is too small to be seen on it, a second one gives it
room. The same ranges stand below as a table, for eyes that see no pictures and for copying.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from bictl.records import Range
from bictl.verify.axes import CHECKS, Axis, Lane, What
from bictl.verify.page.findings import scrolled
from bictl.verify.page.markup import NOTHING, Markup, count, many, short, tag
from bictl.verify.page.scale import Mark, Scale, magnified, marks, steps, true
from bictl.verify.page.words import KINDS, slug
from bictl.verify.ranges import total

HEIGHT = 22  # of one line, in pixels
BAR = (5, 14)  # of what stands on it: from the top, and its height
LISTED = 200  # ranges of a partition that the table lists; a total is always whole
DRAWN = 64  # partitions where nothing is amiss that are drawn; the others are counted
PLAIN = (What.HELD, What.GAP, What.NOT_YET, What.DISCARDED)  # stretches that are no news
BELOW = (What.GAP, What.NOT_YET, What.DISCARDED, What.HELD)  # drawn first, so that news is on top
POINTED = (What.MISSING, What.EXTRA, What.NAMED, What.UNKNOWN, What.QUARANTINED, What.ACKNOWLEDGED)


def patterns() -> Markup:
    """What tells the kinds apart without colour; once a page."""
    return tag(
        "svg",
        {"class": "patterns", "width": 0, "height": 0, "aria-hidden": "true"},
        tag(
            "defs",
            {},
            _pattern(What.MISSING, 8, "M0 0l8 8M8 0l-8 8"),
            _pattern(What.EXTRA, 8, "M0 6l4-4 4 4"),
            _pattern(What.NAMED, 6, "M3 0v6"),
            _pattern(What.UNKNOWN, 8, "M0 8l8-8M-2 2l4-4M6 10l4-4"),
            _pattern(What.ACKNOWLEDGED, 5, "M0 2.5h5"),
            _pattern(What.QUARANTINED, 6, "M1.8 3a1.2 1.2 0 1 0 2.4 0 1.2 1.2 0 1 0-2.4 0"),
            _pattern(What.IN_FLIGHT, 10, "M0 0l10 10M-2 8l4 4M8-2l4 4"),
            _pattern(What.EXPIRED, 10, "M4 5h2"),
            _pattern(What.PRUNED, 6, "M3 0v6"),
            _pattern(What.OPEN, 7, "M0 3.5h3.5"),
            _pattern(What.DISCARDED, 9, "M0 9l9-9"),
        ),
    )


def _pattern(what: What, size: int, path: str) -> Markup:
    return tag(
        "pattern",
        {"id": f"p-{slug(what)}", "width": size, "height": size, "patternUnits": "userSpaceOnUse"},
        tag("path", {"class": f"ground {slug(what)}", "d": f"M0 0h{size}v{size}H0z"}),
        tag("path", {"class": f"figure {slug(what)}", "d": path}),
    )


def legend(axes: Iterable[Axis]) -> Markup:
    """The kinds that the page shows."""
    there = {what for axis in axes for lane in axis.lanes for what, _ in lane.spans}
    items = [tag("li", {}, _swatch(what), KINDS[what]) for what in What if what in there]
    if not items:
        return NOTHING
    items.append(tag("li", {}, _frontier_swatch(), "frontier: the next offset to read"))
    return tag("ul", {"class": "legend", "aria-label": "Legend"}, *items)


def _swatch(what: What) -> Markup:
    mark = Mark(4, 92, 0, 1, 1, 1, False)
    return tag(
        "svg", {"class": "swatch", "width": 30, "height": HEIGHT, "aria-hidden": "true"},
        _bar(what, mark, "")
    )  # fmt: skip


def _frontier_swatch() -> Markup:
    return tag(
        "svg",
        {"class": "swatch", "width": 30, "height": HEIGHT, "aria-hidden": "true"},
        tag("line", {"class": "frontier", "x1": "50%", "x2": "50%", "y1": 0, "y2": HEIGHT}),
    )


def strips(axes: Sequence[Axis], *, table: str) -> Markup:
    """Every partition where something is amiss, and the first of the others."""
    amiss = [axis for axis in axes if axis.amiss]
    well = [axis for axis in axes if not axis.amiss]
    several = len({axis.generation for axis in axes}) > 1
    shown = [_figure(axis, table=table, several=several) for axis in [*amiss, *well[:DRAWN]]]
    if len(well) > DRAWN:
        rest = len(well) - DRAWN
        shown.append(
            tag("p", {"class": "muted"}, f"{rest} more partitions, nothing amiss in them.")
        )
    return many(shown)


def _figure(axis: Axis, *, table: str, several: bool) -> Markup:
    plain = true(axis.first, axis.next)
    large = magnified(axis.first, axis.next, _news(axis.lanes)) if axis.next > axis.first else None
    title = f"Partition {axis.partition}"
    if several:
        title += f", generation {short(axis.generation)}"
    if not axis.current:
        title += " (an earlier life of the topic)"
    held = f"offsets {count(axis.first)} – {count(axis.next)}"
    if axis.next == axis.first:
        held = f"empty at offset {count(axis.first)}"
    if axis.frontier is not None:
        held += f" · frontier {count(axis.frontier)}"
    parts = [tag("figcaption", {}, tag("h4", {}, title), tag("span", {"class": "muted"}, held))]
    if axis.next > axis.first or any(lane.unread for lane in axis.lanes):
        parts.append(_picture(axis, plain, "to scale" if large else ""))
    if large is not None:
        parts.append(_picture(axis, large, "magnified, not to scale"))
    parts.append(_table(axis, table))
    return tag("figure", {"class": "axis amiss" if axis.amiss else "axis"}, *parts)


def _news(lanes: Iterable[Lane]) -> list[Range]:
    return [
        item
        for lane in lanes
        for what, ranges in lane.spans
        if what not in PLAIN
        for item in ranges
    ]


def _picture(axis: Axis, scale: Scale, words: str) -> Markup:
    rows = [_row(axis, lane, scale) for lane in axis.lanes]
    return tag(
        "div",
        {"class": "lanes"},
        tag("p", {"class": "scale"}, words) if words else NOTHING,
        *rows,
        _ticks(axis, scale),
    )


def _row(axis: Axis, lane: Lane, scale: Scale) -> Markup:
    name = tag("span", {"class": "lane"}, "named" if lane.layer == CHECKS else lane.layer)
    if lane.unread:
        said = f"unknown: {short(lane.unread)}"
        return many([name, tag("span", {"class": "unread", "title": lane.unread}, said)])
    bars = [
        _bar(what, mark, _said(what, mark, axis.partition))
        for what, ranges in sorted(lane.spans, key=_depth)
        for mark in marks(ranges, scale)
    ]
    return many(
        [
            name,
            tag(
                "svg",
                {"class": "strip", "width": "100%", "height": HEIGHT, "role": "img",
                 "aria-label": f"{lane.layer}: {_in_words(lane)}"},
                *bars,
                _frontier(axis, scale),
            ),
        ]
    )  # fmt: skip


def _depth(span: tuple[What, object]) -> int:
    """What is no news lies below; of the news the worst is on top."""
    order = [*BELOW, *(what for what in reversed(What) if what not in BELOW)]
    return order.index(span[0])


def _bar(what: What, mark: Mark, words: str) -> Markup:
    top, height = BAR
    if what in (What.GAP, What.NOT_YET):
        top, height = top + height // 2 - 1, 2
    bar = tag(
        "rect",
        {"class": f"m {slug(what)}", "x": _place(mark.x), "y": top, "width": _place(mark.width),
         "height": height, "data-kind": what.value, "data-first": mark.first,
         "data-next": mark.next, "data-records": mark.records, "data-ranges": mark.ranges},
        *([tag("title", {}, words)] if words else []),
    )  # fmt: skip
    if not (mark.widened and what in POINTED):
        return bar
    return many([bar, _pin(what, mark)])


def _pin(what: What, mark: Mark) -> Markup:
    """A finger on what is smaller than it is drawn."""
    return tag(
        "svg",
        {"class": "pin", "x": _place(mark.x + mark.width / 2), "y": 0, "width": 1, "height": 6,
         "overflow": "visible"},
        tag("path", {"class": f"finger {slug(what)}", "d": "M-4.5 0h9L0 6z"}),
    )  # fmt: skip


def _place(share: float) -> str:
    return f"{share:.4f}".rstrip("0").rstrip(".") + "%"


def _said(what: What, mark: Mark, partition: int) -> str:
    where = f"{partition}:[{mark.first},{mark.next})"
    if mark.ranges == 1:
        return f"{what.value} {where}, {count(mark.records)} offsets"
    return (
        f"{what.value}: {count(mark.ranges)} ranges within {where}, {count(mark.records)} offsets"
    )


def _in_words(lane: Lane) -> str:
    said = [f"{count(total(ranges))} {what.value}" for what, ranges in lane.spans]
    return ", ".join(said) or "nothing"


def _frontier(axis: Axis, scale: Scale) -> Markup:
    if axis.frontier is None or axis.next == axis.first:
        return NOTHING
    x = _place(scale.at(axis.frontier))
    return tag("line", {"class": "frontier", "x1": x, "x2": x, "y1": 0, "y2": HEIGHT})


def _ticks(axis: Axis, scale: Scale) -> Markup:
    """The offsets of the knots, as many as have room; narrow windows hide the inner ones."""
    inner: list[tuple[int, float]] = []
    far = _width(axis.next)
    for offset in scale.offsets[1:-1] or steps(axis.first, axis.next):
        x = scale.at(offset)
        before = inner[-1][1] + _width(inner[-1][0]) / 2 if inner else _width(axis.first)
        if x - _width(offset) / 2 > before and x + _width(offset) / 2 < 100 - far:
            inner.append((offset, x))
    texts = [_tick("0%", axis.first, "start")]
    texts += [_tick(_place(x), offset, "middle") for offset, x in inner]
    if axis.next > axis.first:
        texts.append(_tick("100%", axis.next, "end"))
    return many(
        [
            tag("span", {"class": "lane"}),
            tag(
                "svg",
                {"class": "ticks", "width": "100%", "height": 18, "aria-hidden": "true"},
                *texts,
            ),
        ]
    )


def _width(offset: int) -> float:
    """Per cent of a wide line that a number takes, with the air around it."""
    return 1.2 + 0.9 * len(count(offset))


def _tick(x: str, offset: int, anchor: str) -> Markup:
    return tag("text", {"class": anchor, "x": x, "y": 13, "text-anchor": anchor}, count(offset))


def _table(axis: Axis, table: str) -> Markup:
    """The ranges that are news, the worst first."""
    listed = list(
        chain.from_iterable(
            ((lane.layer, what, item) for item in dict(lane.spans).get(what, ()))
            for what in What
            if what not in PLAIN
            for lane in axis.lanes
        )
    )
    if not listed:
        return NOTHING
    rows = [
        tag(
            "tr",
            {},
            tag("td", {}, _swatch(what), what.value),
            tag("td", {}, layer),
            tag("td", {"class": "mono"}, str(item)),
            tag("td", {"class": "number"}, count(len(item))),
        )
        for layer, what, item in listed[:LISTED]
    ]
    more = len(listed) - LISTED
    note = f"… and {count(more)} more ranges"
    return tag(
        "details",
        {"class": "ranges"},
        tag("summary", {}, f"{count(len(listed))} range{'s' * (len(listed) != 1)}, exactly"),
        scrolled(
            f"Ranges of {short(table)}, partition {axis.partition}, {short(axis.generation)}",
            ("what", "layer", "range", "offsets"),
            rows,
            numbers=("offsets",),
        ),
        tag("p", {"class": "muted"}, note) if more > 0 else NOTHING,
    )
