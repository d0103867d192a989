"""The report as a file: what is in it, what is not let in, and that it is drawn as it was found."""

import base64
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import verdicts
from hypothesis import given
from hypothesis import strategies as st

import bictl.verify.page as package
from bictl.records import Range
from bictl.verify.axes import Axis, Lane, What
from bictl.verify.history import Past
from bictl.verify.page import html_page
from bictl.verify.page.findings import command_of
from bictl.verify.page.scale import APART, LEAST, magnified, marks, steps, together, true
from bictl.verify.page.strips import LISTED, strips
from bictl.verify.ranges import merged, total
from bictl.verify.report import State
from bictl.verify.run import concluded

KNOWN = {
    *("html", "head", "meta", "title", "style", "script", "link", "body", "header", "main", "nav"),
    *("section", "article", "footer", "h1", "h2", "h3", "h4", "p", "div", "span", "a", "b", "code"),
    *("time", "ul", "li", "dl", "dt", "dd", "details", "summary", "figure", "figcaption"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "defs", "pattern", "path", "rect", "line", "g", "text"),
}


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    inside: list["Element | str"] = field(default_factory=list)

    def all(self) -> Iterator["Element"]:
        yield self
        for one in self.inside:
            if isinstance(one, Element):
                yield from one.all()

    def find(self, name: str, kind: str = "") -> list["Element"]:
        """The elements of that name that have that class."""
        return [
            one
            for one in self.all()
            if one.name == name
            and (not kind or kind in (one.attributes.get("class") or "").split(" "))
        ]

    @property
    def words(self) -> str:
        return "".join(one if isinstance(one, str) else one.words for one in self.inside)


class Tree(HTMLParser):
    """The elements as a browser would nest them; what is not closed fails."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs))
        assert len(element.attributes) == len(attrs), "an attribute stands twice"
        self._open[-1].inside.append(element)
        self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self._open[-1].inside.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop().name == tag

    def handle_data(self, data):
        self._open[-1].inside.append(data)


def read(page: str) -> Element:
    tree = Tree()
    tree.feed(page)
    tree.close()
    assert tree._open == [tree.root], "something is not closed"
    return tree.root


def page_of(*reports, past=None) -> str:
    return html_page(reports, past or verdicts.past(*(one.table for one in reports)))


MADE = {
    "complete": verdicts.complete,
    "broken": verdicts.broken,
    "everything": verdicts.everything,
    "unknown": verdicts.unknown,
    "in flight": verdicts.in_flight,
    "hostile": verdicts.hostile,
}
EACH = pytest.mark.parametrize("make", MADE.values(), ids=MADE)


@EACH
def test_it_is_one_file_that_loads_nothing(make):
    page = page_of(make())
    assert page.isascii()
    root = read(page)
    assert {one.name for one in root.all()} - {""} <= KNOWN
    for element in root.all():
        for name, value in element.attributes.items():
            assert not name.startswith("on"), (element.name, name)
            assert name not in ("src", "srcset", "action", "data", "poster", "style", "xlink:href")
            if name == "href":
                assert value.startswith("#t") or value in ("#verdicts", "data:,")
    (style,) = root.find("style")
    assert "@import" not in style.words
    assert set(re.findall(r"url\((.*?)\)", style.words)) <= {
        f"#p-{what.name.lower().replace('_', '-')}" for what in What
    }


@EACH
def test_its_policy_lets_in_its_own_style_and_script_alone(make):
    root = read(page_of(make()))
    (policy,) = [
        one.attributes["content"]
        for one in root.find("meta")
        if one.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        (element,) = root.find(kind)
        digest = base64.b64encode(sha256(element.words.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_what_would_be_obeyed_is_shown():
    said = html_page(
        [verdicts.hostile()], verdicts.past(verdicts.hostile().table, evil=verdicts.MARKUP)
    )
    root = read(said)
    assert Counter(one.name for one in root.all())["script"] == 1
    assert not root.find("img")
    shown = root.words
    assert "document.title=1" in shown
    assert (
        "\\x1b[31mred\\x07\\u202egnp.exe\\u2066 \\ud800 [bold]not bold[/bold] &lt;&amp; '\"`"
        in shown
    )
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown
    )
    assert "m" * 500 not in shown
    assert "k" * 500 not in shown


def test_the_old_lie_is_red_where_it_breaks_and_never_complete():
    root = read(page_of(verdicts.broken()))
    (state,) = root.find("p", "state")
    assert state.words == "broken0.18 %"
    (headline,) = root.find("p", "headline")
    assert headline.words == verdicts.broken().headline
    assert "complete" not in root.find("main")[0].words
    lying, standing = root.find("svg", "flow")
    for drawing in (lying, standing):
        links = [one.attributes["class"] for one in drawing.find("g", "link")]
        assert links == ["link out", "link fail", "link ok below", "link ok below", "link ok below"]
        assert "115 of 61,443" in drawing.words
        assert "61,328 missing" in drawing.words
        assert len(drawing.find("rect", "break")) == 1
    assert root.find("code", "command")[0].words == "bictl ingest --table product"


def test_unknown_is_hatched_and_has_no_share():
    root = read(page_of(verdicts.unknown()))
    assert root.find("p", "state")[0].words == "cannot tell"
    nodes = [one.attributes["class"] for one in root.find("svg", "lying")[0].find("g", "node")]
    assert nodes == ["node out", "node in", "node in", *["node unknown"] * 3]
    assert "unknown: Postgres" in root.find("span", "unread")[0].words


def keys_missing(report, accounted):
    """The same with its last boundary short of keys."""
    last = report.boundaries[-1]
    tally = replace(last.tally, accounted=accounted)
    return concluded(
        replace(
            report,
            boundaries=(*report.boundaries[:-1], replace(last, tally=tally, state=State.FAIL)),
        )
    )


def test_the_large_number_is_the_headlines_also_where_keys_are_missing():
    """All records are in bronze and a third of the vectors is not there: that is no hundred."""
    report = keys_missing(verdicts.complete(), 31_412)
    said = read(page_of(report)).find("p", "state")[0].words
    assert said == "broken66.66 %"
    assert report.headline.startswith("66.66 % of 47118 keys accounted for.")


def test_there_is_no_hundred_on_a_broken_page():
    whole = verdicts.complete()
    for boundary in whole.boundaries:
        broken = [
            replace(one, state=State.FAIL) if one is boundary else one for one in whole.boundaries
        ]
        said = read(page_of(concluded(replace(whole, boundaries=tuple(broken)))))
        assert said.find("p", "state")[0].words == "broken"


def test_complete_says_so_and_what_is_out_of_its_scope():
    root = read(page_of(verdicts.complete()))
    assert root.find("p", "state")[0].words == "complete100.00 %"
    assert "source not verified" in root.find("p", "headline")[0].words
    assert not root.find("article")
    assert not root.find("rect", "missing")


def test_what_a_person_acknowledged_stands_there_in_whole():
    report = verdicts.everything()
    said = read(page_of(report)).find("ul", "acks")[0].find("li")
    assert [one.words for one in said] == list(report.acknowledged)


def test_every_check_and_every_table_is_in_it():
    reports = verdicts.many()
    root = read(page_of(*reports))
    sections = root.find("section", "table")
    assert [one.find("span", "name")[0].words for one in sections] == [one.table for one in reports]
    for section, report in zip(sections, reports, strict=True):
        rows = section.find("details", "checks")[0].find("tbody")[0].find("tr")
        assert [row.find("th")[0].words for row in rows] == [check.id for check in report.checks]
    links = [one.attributes["href"] for one in root.find("nav")[0].find("a")]
    assert links == [f"#{one.attributes['id']}" for one in sections]


@pytest.mark.parametrize("reports", [[], verdicts.many(), [verdicts.hostile()]], ids=len)
def test_ids_are_unique_and_what_names_another_element_finds_it(reports):
    root = read(page_of(*reports))
    ids = [one.attributes["id"] for one in root.all() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for element in root.all():
        for name in (element.attributes.get("aria-labelledby") or "").split():
            assert name in ids
    levels = [int(one.name[1]) for one in root.all() if re.fullmatch("h[1-6]", one.name)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_an_unread_ledger_is_said_and_takes_nothing_away():
    root = read(page_of(verdicts.broken(), past=Past(unread="no answer <b>")))
    assert "The ledger of runs could not be read: no answer <b>" in root.words
    assert root.find("svg", "lying")


@pytest.mark.parametrize(
    ("hint", "command", "rest"),
    [
        ("bictl ingest --table product", "bictl ingest --table product", ""),
        (
            "bictl ack --table product --range '0:[115,200)' --reason …",
            "bictl ack --table product --range '0:[115,200)' --reason …",
            "",
        ),
        (
            "bictl verify --deep; the objects are the truth",
            "bictl verify --deep",
            "the objects are the truth",
        ),
        (
            "bictl run --table product, and more often",
            "bictl run --table product",
            "and more often",
        ),
        ("alter table a.b add unique (x, y)", "alter table a.b add unique (x, y)", ""),
        ("move them out of the prefix", "", "move them out of the prefix"),
        ("", "", ""),
    ],
)
def test_a_hints_command_can_be_copied_by_itself(hint, command, rest):
    assert command_of(hint) == (command, rest)


# What is drawn, against what was found.

numbers = st.integers(0, 2_000_000) | st.integers(0, 300) | st.integers(0, 2**62)
sets = st.lists(st.tuples(numbers, st.integers(1, 50) | numbers), max_size=12).map(
    lambda pairs: merged(Range(0, first, first + max(length, 1)) for first, length in pairs)
)


def ends(*found):
    whole = [item for one in found for item in one]
    return min((item.first for item in whole), default=0), max(
        (item.next for item in whole), default=1
    )


@given(sets, sets)
def test_every_range_is_in_one_mark_and_no_mark_holds_anything_else(ranges, others):
    first, after = ends(ranges, others)
    large = magnified(first, after, [*ranges, *others])
    for scale in filter(None, (true(first, after), large)):
        drawn = marks(ranges, scale)
        assert sum(mark.records for mark in drawn) == total(ranges)
        assert sum(mark.ranges for mark in drawn) == len(ranges)
        for mark in drawn:
            inside = [one for one in ranges if mark.first <= one.first and one.next <= mark.next]
            assert (len(inside), total(inside)) == (mark.ranges, mark.records)
            assert (mark.first, mark.next) == (inside[0].first, inside[-1].next)
            assert mark.width >= LEAST - 1e-6
            assert mark.x >= -1e-6
            assert mark.x + mark.width <= 100 + 1e-6
            reach = scale.at(mark.next) - scale.at(mark.first)
            assert mark.width <= max(reach, 0) + LEAST * 2 + 1e-6
            assert mark.x - LEAST <= scale.at(mark.first) <= mark.x + mark.width + 1e-6
        for before, behind in pairwise(drawn):
            assert behind.x - (before.x + before.width) >= APART - 1e-9


@given(sets)
def test_a_line_rises_from_end_to_end_and_magnified_it_gives_each_stretch_room(ranges):
    first, after = ends(ranges)
    large = magnified(first, after, ranges)
    for scale in filter(None, (true(first, after), large)):
        places = [
            scale.at(offset) for offset in sorted({first, after, *(one.first for one in ranges)})
        ]
        assert places == sorted(places)
        assert (scale.at(first), scale.at(max(after, first + 1))) == (0, 100)
    if large is not None:
        for item in together(ranges, 16):
            assert large.at(item.next) - large.at(item.first) >= LEAST


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_round_steps_are_few_and_within(first, length):
    found = steps(first, first + length)
    assert len(found) <= 9
    assert all(first < one < first + length for one in found)


@given(sets, st.integers(1, 8))
def test_stretches_hold_every_range_and_are_few(ranges, most):
    found = together(ranges, most)
    assert len(found) <= max(most, 1)
    assert all(
        any(one.first <= item.first and item.next <= one.next for one in found) for item in ranges
    )


def axis(missing, held, quarantined):
    lanes = (
        Lane(layer="objects", spans=((What.MISSING, missing), (What.HELD, held))),
        Lane(layer="bronze", spans=((What.QUARANTINED, quarantined),)),
    )
    first, after = ends(missing, held, quarantined)
    return Axis(generation="g1", partition=0, first=first, next=after, lanes=lanes, frontier=after)


def drawn(made, layer, kind):
    """The marks of a kind on the lines of a layer, picture by picture."""
    root = read(str(strips([made], table="t")))
    for lanes in root.find("div", "lanes"):
        for line in lanes.find("svg", "strip"):
            if line.attributes["aria-label"].startswith(layer):
                yield [one.attributes for one in line.find("rect", kind)]


@given(sets, sets, sets)
def test_the_file_draws_every_missing_range_and_no_other(missing, held, quarantined):
    held = merged(held)
    made = axis(missing, tuple(held), quarantined)
    pictures = list(drawn(made, "objects", "missing"))
    assert pictures or made.next == made.first
    for found in pictures:
        claimed = [(int(one["data-first"]), int(one["data-next"])) for one in found]
        assert sum(int(one["data-records"]) for one in found) == total(missing)
        assert sum(int(one["data-ranges"]) for one in found) == len(missing)
        for item in missing:
            assert sum(low <= item.first and item.next <= high for low, high in claimed) == 1
        assert {low for low, _ in claimed} <= {item.first for item in missing}
        assert {high for _, high in claimed} <= {item.next for item in missing}
        for one in found:
            assert float(one["width"].rstrip("%")) >= LEAST - 1e-3
    for found in drawn(made, "bronze", "missing"):
        assert not found
    listed = [
        cells[2].words
        for row in read(str(strips([made], table="t"))).find("tr")
        if (cells := row.find("td")) and cells[0].words == "missing"
    ]
    assert listed == [str(item) for item in missing][:LISTED]


@given(sets.filter(bool), st.data())
def test_a_changed_report_is_a_changed_drawing(missing, data):
    """No mutation of the missing ranges leaves the picture as it was."""
    at = data.draw(st.integers(0, len(missing) - 1))
    one = missing[at]
    others = [item for item in missing if item != one]
    changed = data.draw(
        st.sampled_from(
            [
                others,
                [*others, Range(0, one.first, one.next + 1)],
                [*others, Range(0, max(one.first - 1, 0), one.next + 2)],
                [*others, Range(0, one.first + 1, one.next)] if len(one) > 1 else others,
            ]
        )
    )
    first, after = ends(missing)
    frame = (Range(0, max(first - 5, 0), after + 5),)
    pictures = [
        list(drawn(axis(now, frame, ()), "objects", "missing"))
        for now in (missing, merged(changed))
    ]
    assert pictures[0] != pictures[1]


def test_partitions_where_something_is_amiss_are_all_drawn_and_first():
    well = [axis((), (Range(0, 0, 9),), ())] * 100
    amiss = [axis((Range(0, 3, 4),), (), ())] * 70
    root = read(str(strips([*well, *amiss], table="t")))
    kinds = [one.attributes["class"] for one in root.find("figure")]
    assert kinds == ["axis amiss"] * 70 + ["axis"] * 64
    assert "36 more partitions, nothing amiss in them" in root.words


def test_a_million_ranges_are_a_file_of_a_sane_size():
    torn = tuple(Range(0, at, at + 1) for at in range(0, 400_000, 2))
    said = str(strips([axis(torn, (), ())], table="t"))
    assert len(said) < 200_000
    assert "200,000 ranges, exactly" in said


# The colours.

PAIRS = [
    *((ink, back) for ink in ("ink", "soft", "link") for back in ("back", "card", "sunk")),
    *(
        (tone, back)
        for tone in ("ok", "warn", "fail", "unknown", "flight")
        for back in ("back", "card")
    ),
    *((tone, f"{tone}-back") for tone in ("ok", "warn", "fail", "unknown", "flight")),
    *(("on", tone) for tone in ("ok", "warn", "fail", "unknown", "flight", "soft")),
    ("ink", "fail-back"),
    ("soft", "fail-back"),
    ("flight", "fail-back"),
]
SHAPES = [(mark, "card") for mark in ("held", "strong", "fail", "warn", "unknown", "flight", "p50")]


def colours(dark):
    style = Path(package.__file__).with_name("page.css").read_text()
    light, other = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#\w{6});", light))
    return found | (dict(re.findall(r"--([\w-]+): (#\w{6});", other)) if dark else {})


def contrast(one, other):
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(colour):
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_and_marks_be_seen(dark):
    found = colours(dark)
    for ink, back in PAIRS:
        assert contrast(found[ink], found[back]) >= 4.5, (ink, back)
    for mark, back in SHAPES[:-1]:
        assert contrast(found[mark], found[back]) >= 3, (mark, back)
