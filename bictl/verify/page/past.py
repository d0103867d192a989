"""The runs before this one, stage by stage, and how long records take from layer to layer."""

from collections.abc import Mapping, Sequence
from math import log10

from bictl.ops.ledger import Run
from bictl.verify.history import Past
from bictl.verify.page.findings import scrolled
from bictl.verify.page.markup import NOTHING, Markup, many, seconds, short, tag
from bictl.verify.page.words import SIGNS, badge, moment
from bictl.verify.report import Hop

BAR = 40  # pixels of the highest bar
SLOWEST, QUICKEST = 3600.0, 0.05  # seconds: what a bar of a run's time spans
LISTED = 40  # runs in the table
LEAST = 12  # runs that a line has room for, also where there were fewer


def past(found: Past, table: str) -> Markup:
    """Each stage's newest runs as bars, the newest at the right, and as a table."""
    if found.unread:
        return tag("p", {"class": "muted"}, f"The ledger of runs could not be read: {found.unread}")
    stages = found.of(table)
    if not stages:
        return tag("p", {"class": "muted"}, "The ledger knows of no run of this table.")
    slots = max(LEAST, *map(len, stages.values()))
    rows = [_stage(stage, runs, table, slots) for stage, runs in stages.items()]
    newest = sorted(
        (run for runs in stages.values() for run in runs),
        key=lambda run: run.started_at,
        reverse=True,
    )
    return many(
        [
            tag("div", {"class": "stages"}, *rows),
            tag("p", {"class": "muted"}, "The newest run is at the right. A bar is as high as the"
                " run was long, on a logarithmic scale; of verify, as the share of records"
                " that was accounted for."),
            tag(
                "details",
                {"class": "runs"},
                tag("summary", {}, "These runs as a table"),
                scrolled(
                    f"Runs of {short(table)}",
                    ("state", "stage", "began", "took", "code", "what happened"),
                    [_run(run, table) for run in newest[:LISTED]],
                    numbers=("took", "code"),
                ),
            ),
        ]
    )  # fmt: skip


def _stage(stage: str, runs: Sequence[Run], table: str, slots: int) -> Markup:
    wide = 100 / slots
    bars = [_bar(run, table, 100 - (number + 1) * wide, wide) for number, run in enumerate(runs)]
    newest = runs[0]
    state = state_of(newest, table)
    said = f"{stage}, the newest run {state}, of {len(runs)} runs shown"
    return tag(
        "div",
        {"class": "row"},
        tag("span", {"class": "stage"}, stage),
        tag(
            "svg",
            {
                "class": "bars",
                "width": "100%",
                "height": BAR + 14,
                "role": "img",
                "aria-label": said,
            },
            *bars,
        ),
        tag("span", {"class": "newest"}, badge(state, state), " ", _took(newest)),
    )


def state_of(run: Run, table: str) -> str:
    """How a run ended for one table: a run of several says it of each."""
    each = run.result.get("tables")
    found = each.get(table) if isinstance(each, Mapping) else None
    return found if isinstance(found, str) and found in SIGNS else run.state


def _bar(run: Run, table: str, x: float, width: float) -> Markup:
    state = state_of(run, table)
    height = max(4.0, BAR * _share(run))
    words = f"{run.started_at:%Y-%m-%d %H:%M:%S}: {state}, {_took(run)}. {short(run.summary)}"
    return tag(
        "g",
        {"class": f"run {state}"},
        tag("title", {}, words),
        tag("rect", {"x": f"{x + width * 0.14:.3f}%", "y": 14 + BAR - height,
                     "width": f"{width * 0.72:.3f}%", "height": height, "rx": 1.5}),
        tag("text", {"x": f"{x + width / 2:.3f}%", "y": 10 + BAR - height}, SIGNS.get(state, "?")),
    )  # fmt: skip


def _share(run: Run) -> float:
    """Of the highest bar: a run's time, or what a verdict found accounted for."""
    percent = run.result.get("percent")
    if run.stage == "verify" and isinstance(percent, str):
        return float(percent) / 100
    return share_of(run.seconds or 0.0, SLOWEST)


def share_of(value: float, most: float) -> float:
    """A time between QUICKEST and `most` on a logarithmic scale from 0 to 1."""
    within = min(max(value, QUICKEST), max(most, QUICKEST * 1.01))
    return log10(within / QUICKEST) / log10(max(most, QUICKEST * 1.01) / QUICKEST)


def _took(run: Run) -> str:
    return "time unknown" if run.seconds is None else seconds(run.seconds)


def _run(run: Run, table: str) -> Markup:
    state = state_of(run, table)
    return tag(
        "tr",
        {},
        tag("td", {}, badge(state, state)),
        tag("th", {"scope": "row"}, run.stage),
        tag("td", {}, moment(run.started_at)),
        tag("td", {"class": "number"}, _took(run)),
        tag("td", {"class": "number"}, "" if run.exit_code is None else run.exit_code),
        tag("td", {"class": "said"}, short(run.summary)),
    )


def latency(hops: Sequence[Hop]) -> Markup:
    """The last day's hops: half of the records within the dark bar, 95 of 100 within the light one,
    all of them up to the stroke."""
    if not hops:
        return NOTHING
    most = max(hop.longest for hop in hops)
    rows = [_hop(hop, most) for hop in hops]
    return many(
        [
            tag("div", {"class": "hops"}, *rows),
            tag("p", {"class": "muted"}, "Of the records that came in the last day: half within the"
                " dark bar, 95 of 100 within the light one, all up to the stroke. Logarithmic."),
        ]
    )  # fmt: skip


def _hop(hop: Hop, most: float) -> Markup:
    half, many_, all_ = (
        max(100 * share_of(value, most), 0.4) for value in (hop.p50, hop.p95, hop.longest)
    )
    words = f"{seconds(hop.p50)}, 95 % {seconds(hop.p95)}, at most {seconds(hop.longest)}"
    return tag(
        "div",
        {"class": "row"},
        tag("span", {"class": "hop"}, hop.name),
        tag(
            "svg",
            {"class": "time", "width": "100%", "height": 22, "role": "img",
             "aria-label": f"{hop.name}: {words}, {hop.records:,} records"},
            tag("rect", {"class": "p95", "x": 0, "y": 6, "width": f"{many_:.3f}%", "height": 10,
                         "rx": 2}),
            tag("rect", {"class": "p50", "x": 0, "y": 6, "width": f"{half:.3f}%", "height": 10,
                         "rx": 2}),
            tag("line", {"class": "most", "x1": f"{all_:.3f}%", "x2": f"{all_:.3f}%", "y1": 3,
                         "y2": 19}),
        ),
        tag("span", {"class": "told"}, words),
    )  # fmt: skip
