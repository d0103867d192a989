"""One table's verdict: the sentence, the flow, the offsets, what is not well, the past."""

from collections.abc import Sequence

from bictl.verify.history import Past
from bictl.verify.page.findings import acknowledged, all_checks, findings, repair, scrolled
from bictl.verify.page.flow import flow
from bictl.verify.page.markup import NOTHING, Markup, count, many, seconds, short, tag
from bictl.verify.page.past import latency, past
from bictl.verify.page.strips import legend, strips
from bictl.verify.page.words import badge, moment, share, sign, verdict
from bictl.verify.present import boundary_rows, next_step
from bictl.verify.report import Report, State


def section(report: Report, before: Past, *, anchor: str) -> Markup:
    """Everything about one table."""
    wrong = [check for check in report.checks if check.state is not State.OK]
    parts = [
        _verdict(report, anchor),
        _part(anchor, "flow", "The flow", many([flow(report), _boundaries(report)])),
        _part(anchor, "offsets", "Along the offsets", _offsets(report)),
        _part(anchor, "checks", "What is not well" if wrong else "The checks",
              many([findings(report), all_checks(report)])),
    ]  # fmt: skip
    if report.acknowledged:
        words = acknowledged(report.acknowledged)
        parts.insert(3, _part(anchor, "acks", "Acknowledged by a person", words))
    if report.latency:
        parts.append(_part(anchor, "latency", "From layer to layer", latency(report.latency)))
    parts.append(_part(anchor, "past", "The last runs", past(before, report.table)))
    return tag(
        "section", {"class": "table", "id": anchor, "aria-labelledby": f"{anchor}-name"}, *parts
    )


def _part(anchor: str, name: str, title: str, content: Markup) -> Markup:
    own = f"{anchor}-{name}"
    head = tag("h3", {"id": own}, title)
    return tag(
        "section",
        {"class": f"part {name}", "aria-labelledby": f"{own} {anchor}-name"},
        head,
        content,
    )


def _verdict(report: Report, anchor: str) -> Markup:
    kind, word = verdict(report)
    number = share(report)
    step = next_step(report)
    return tag(
        "header",
        {"class": f"verdict {kind}"},
        tag(
            "h2",
            {"id": f"{anchor}-name"},
            tag("span", {"class": "name"}, report.table),
            tag("span", {"class": "topic"}, report.topic),
        ),
        tag(
            "p",
            {"class": "state"},
            sign(kind, size=44),
            tag("span", {"class": "word"}, word),
            tag("span", {"class": "share"}, number) if number else NOTHING,
        ),
        tag("p", {"class": "headline"}, short_sentence(report.headline)),
        many([tag("h3", {"class": "next"}, "What to do first"), repair(step)]) if step else NOTHING,
        tag("dl", {"class": "facts"}, *_facts(report)),
    )


def short_sentence(words: str) -> str:
    """The headline: whole, unless a message from elsewhere made it endless."""
    return words if len(words) <= 1500 else f"{words[:1500]}…"


def _facts(report: Report) -> list[Markup]:
    facts: list[tuple[str, object]] = [
        ("began", moment(report.started)),
        ("took", seconds(report.seconds)),
        ("level", f"{report.level}{', only some of its checks' * report.partial}"),
        ("slice", report.slice.words if report.slice else ""),
        ("covers", " → ".join(report.scope)),
        ("not verified", ", ".join(report.unverified)),
        ("up to", short(", ".join(report.cut))),
        ("in quarantine", count(report.quarantined) if report.quarantined else ""),
        ("stands on", report.since),
        ("run", report.run),
    ]
    return [
        tag("div", {}, tag("dt", {}, name), tag("dd", {}, value)) for name, value in facts if value
    ]


def _boundaries(report: Report) -> Markup:
    """What the drawing says, as a table."""
    columns = (
        ("expected", "expected"), ("accounted", "accounted"), ("missing", "missing"),
        ("extra", "too many"), ("in_flight", "in flight"),
    )  # fmt: skip
    rows = []
    for row in boundary_rows(report):
        cells = [
            tag("td", {"class": "number"}, "?" if row[key] is None else count(row[key]))
            for key, _ in columns
        ]
        state = "flight" if row["state"] == "in flight" else row["state"]
        rows.append(
            tag("tr", {}, tag("th", {"scope": "row"}, row["boundary"]), tag("td", {}, row["unit"]),
                *cells, tag("td", {}, badge(state, row["state"])))
        )  # fmt: skip
    heads = ("boundary", "unit", *(words for _, words in columns), "state")
    numbers = [words for _, words in columns]
    return tag(
        "details",
        {"class": "boundaries"},
        tag("summary", {}, "These counts as a table"),
        scrolled(f"Boundaries of {short(report.table)}", heads, rows, numbers=numbers),
    )


def _offsets(report: Report) -> Markup:
    if not report.axes:
        return tag("p", {"class": "muted"}, "Not drawn: this run read no partition.")
    return many([legend(report.axes), strips(report.axes, table=report.table)])


def overview(reports: Sequence[Report], anchors: Sequence[str]) -> Markup:
    """One line a table, where there are several."""
    rows = []
    for report, anchor in zip(reports, anchors, strict=True):
        kind, word = verdict(report)
        rows.append(
            tag(
                "tr",
                {"class": kind},
                tag("td", {}, badge(kind, word)),
                tag("th", {"scope": "row"}, tag("a", {"href": f"#{anchor}"}, report.table)),
                tag("td", {"class": "number"}, share(report) or "?"),
                tag("td", {"class": "said"}, short(report.headline)),
            )
        )
    heads = ("state", "table", "accounted", "verdict")
    return tag(
        "nav",
        {"class": "overview", "aria-label": "Tables"},
        scrolled("Tables", heads, rows, numbers=("accounted",)),
    )
