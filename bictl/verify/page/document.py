"""The file: its head, which lets nothing in from outside, the tables, and its end."""

import base64
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from bictl import __version__
from bictl.verify.history import Past
from bictl.verify.page.markup import NOTHING, Markup, many, tag
from bictl.verify.page.section import overview, section
from bictl.verify.page.strips import patterns
from bictl.verify.page.words import moment, verdict
from bictl.verify.report import Report, State, worst

NO_PAST = Past()


def html_page(reports: Sequence[Report], past: Past = NO_PAST) -> str:
    """The page as ASCII: all else stands as references, so that no locale can break it."""
    anchors = [f"t{number}" for number in range(1, len(reports) + 1)]
    tables = [
        section(report, past, anchor=anchor)
        for report, anchor in zip(reports, anchors, strict=True)
    ]
    page = many(
        [
            Markup("<!DOCTYPE html>\n"),
            tag("html", {"lang": "en"}, _head(reports), _body(reports, anchors, tables)),
        ]
    )
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _head(reports: Sequence[Report]) -> Markup:
    style = _asset("page.css")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(_asset('page.js'))}';"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    return tag(
        "head",
        {},
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("meta", {"name": "referrer", "content": "no-referrer"}),
        tag("meta", {"name": "generator", "content": f"bictl {__version__}"}),
        tag("link", {"rel": "icon", "href": "data:,"}),
        tag("title", {}, _title(reports)),
        tag("style", {}, style),
    )


def _title(reports: Sequence[Report]) -> str:
    said = [f"{report.table} {verdict(report)[1]}" for report in reports]
    return f"{', '.join(said[:3])}{'…' * (len(said) > 3)} – bictl verify"


def _body(reports: Sequence[Report], anchors: Sequence[str], tables: Sequence[Markup]) -> Markup:
    several = len(reports) > 1
    return tag(
        "body",
        {},
        patterns(),
        tag("a", {"class": "skip", "href": "#verdicts"}, "To the verdict"),
        tag(
            "header",
            {"class": "top"},
            tag("h1", {}, "bictl verify"),
            tag("p", {"class": "muted"}, *_when(reports)),
        ),
        tag(
            "main",
            {"id": "verdicts"},
            overview(reports, anchors) if several else NOTHING,
            *tables,
            NOTHING if reports else tag("p", {}, "Nothing was verified: there is no table."),
        ),
        tag(
            "footer",
            {},
            tag("p", {}, "A boundary is whole where every record or key above it is below it and no"
                " other is: sets decide, counts only filter. What was not read is unknown, and"
                " unknown is never complete. What is out of scope is grey, and named."),
            tag("p", {}, f"Written by bictl {__version__}; it loads nothing from elsewhere."),
        ),
        tag("script", {}, _asset("page.js")),
    )  # fmt: skip


def _when(reports: Sequence[Report]) -> list[object]:
    if not reports:
        return []
    states = worst(report.state for report in reports)
    count = "one table" if len(reports) == 1 else f"{len(reports)} tables"
    first = min(reports, key=lambda report: report.started)
    said = "" if states is State.OK or len(reports) == 1 else f" · worst state: {states.value}"
    return [moment(first.started), f" · {count}{said}"]


def _asset(name: str) -> Markup:
    """Our own style or script, as it is."""
    return Markup(Path(__file__).with_name(name).read_text(encoding="ascii"))


def _hash(content: str) -> str:
    """What a Content-Security-Policy knows an inline element by."""
    return f"sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}"
