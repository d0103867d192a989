"""The report in a real browser: what it asks for, what fits, what is seen, what is obeyed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import verdicts
from browser import Page, browser

from bictl.verify.page import html_page

MADE = {
    "complete": lambda: [verdicts.complete()],
    "broken": lambda: [verdicts.broken()],
    "everything": lambda: [verdicts.everything()],
    "unknown": lambda: [verdicts.unknown()],
    "many": verdicts.many,
    "hostile": lambda: [verdicts.hostile()],
}
SEEN = (
    "(one => { const box = one.getBoundingClientRect(); return box.width > 0 && box.height > 0 })"
)
OUTSIDE = """
    [...document.querySelectorAll('main *')]
        .filter(one => !one.closest('.scroll'))
        .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
        .map(one => one.tagName + '.' + one.getAttribute('class'))
"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`file("broken")`: that report, written once."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            reports = MADE[name]()
            evil = verdicts.MARKUP if name == "hostile" else ""
            past = verdicts.past(*(one.table for one in reports), evil=evil)
            path.write_text(html_page(reports, past), encoding="ascii")
        return path

    return write


def seen(tab: Page, selector: str) -> bool:
    return bool(tab.ask(f"[...document.querySelectorAll({selector!r})].some({SEEN})"))


@pytest.mark.parametrize("name", MADE)
def test_it_asks_for_nothing_says_nothing_and_fits(tab, file, name):
    tab.open(file(name), width=360)
    title = tab.ask("document.title")
    assert title.endswith("bictl verify")
    for width in (360, 768, 1280, 1600):
        tab.resize(width)
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert tab.ask(OUTSIDE) == []
        assert seen(tab, ".flow.lying") is (width > 860)
        assert seen(tab, ".flow.standing") is (width <= 860)
    tab.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    tab.resize(360)
    assert tab.ask("document.documentElement.scrollWidth") <= 360
    assert tab.requests == [file(name).as_uri()]
    assert tab.said == []
    assert tab.ask("document.title") == title
    assert tab.ask("document.scripts.length") == 1
    assert tab.ask("document.images.length") == 0


def test_one_record_of_a_million_is_seen_and_pointed_at(tab, file):
    for width in (360, 1280):
        tab.open(file("everything"), width=width)
        boxes = tab.ask(
            "[...document.querySelectorAll('.strip rect.missing')].map(one => {"
            " const box = one.getBoundingClientRect();"
            " return [one.dataset.first, one.dataset.next, box.width, box.height] })"
        )
        lost = [box for box in boxes if box[:2] == ["300000", "300001"]]
        assert len(lost) == 2, "to scale and magnified"
        assert lost[0][2] >= 0.9
        assert lost[1][2] >= 4
        assert all(height >= 10 for *_, height in boxes)
        assert seen(tab, ".pin .missing")


def test_each_kind_looks_different_and_not_by_its_colour_alone(tab, file):
    tab.open(file("everything"))
    fills = tab.ask(
        "Object.fromEntries([...document.querySelectorAll('.legend rect')]"
        ".map(one => [one.dataset.kind, getComputedStyle(one).fill]))"
    )
    assert len(fills) >= 8
    patterned = {kind: fill for kind, fill in fills.items() if fill.startswith("url(")}
    assert len(set(patterned.values())) == len(patterned)
    assert set(fills) - set(patterned) <= {"held", "no record", "not yet here"}


def test_it_is_whole_without_its_script(tab, file):
    words = []
    for scripts in (True, False):
        tab.open(file("broken"), scripts=scripts)
        assert (tab.ask("document.querySelectorAll('button.copy').length") > 0) is scripts
        tab.ask("document.querySelectorAll('button.copy').forEach(one => one.remove())")
        words.append(tab.ask("document.body.innerText"))
    assert words[0] == words[1]
    assert "61,328 missing" in words[1]
    assert "bictl ingest --table product" in words[1]


def test_a_command_is_copied_or_selected_with_one_press(tab, file):
    tab.open(file("broken"))
    tab.ask("document.querySelector('button.copy').click()")
    said = tab.ask(
        "new Promise(done => { const one = document.querySelector('button.copy');"
        " if (one.textContent !== 'copy') done(one.textContent);"
        " new MutationObserver(() => done(one.textContent)).observe(one, {childList: true}) })"
    )
    assert said in ("copied", "selected")
    if said == "selected":
        assert tab.ask("getSelection().toString()") == "bictl ingest --table product"


def test_it_follows_the_readers_scheme(tab, file):
    grounds = []
    for dark in (False, True):
        tab.open(file("broken"), dark=dark)
        grounds.append(tab.ask("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(246, 247, 248)", "rgb(15, 19, 23)"]


def test_on_paper_everything_is_open_and_nothing_to_press(tab, file):
    tab.open(file("broken"), print_=True)
    assert not seen(tab, "button.copy")
    assert seen(tab, "details.checks td")
    assert seen(tab, "details.ranges td")


def test_what_moves_by_itself_can_be_reached_by_keys(tab, file):
    tab.open(file("many"), width=360)
    tables = "[...document.querySelectorAll('.scroll')]"
    assert tab.ask(f"{tables}.every(one => one.tabIndex === 0 && one.ariaLabel)")
