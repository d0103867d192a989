"""`make faults` ends well only where everything was looked at, seen, named, repaired, and calm."""

import json

import pytest
import results
import table
from catalogue import faults


def line(name, layer):
    return {
        **{"name": name, "layer": layer, "words": name, "state": "fail", "first": "default"},
        **{"seen": True, "named": ["K1"], "green": True, "spoke": ["K1"], "others": []},
        "repair": ["bictl repair"],
    }


@pytest.fixture
def good():
    """The lines of a run in which all is well."""
    chance = [
        {"kind": kind, "name": name, "layer": "x", "first": None}
        | ({"alarms": []} if kind == "variation" else {"wrong": [], "seen": True, "named": True})
        for kind, name in sorted(results.planned())
    ]
    return [line(one.name, one.layer) for one in faults()], chance


@pytest.fixture
def code(tmp_path):
    def ended(lines, chance):
        path = tmp_path / "lines"
        path.write_text("\n".join(map(json.dumps, lines)))
        results.beside(str(path)).write_text("\n".join(map(json.dumps, chance)))
        codes = {table.main(str(path)), table.main(str(path), "--markdown")}
        assert len(codes) == 1
        return codes.pop()

    return ended


def test_where_all_is_well_it_ends_with_0(good, code, capsys):
    assert code(*good) == 0
    assert (
        f"false alarms 0/{sum(one['kind'] == 'variation' for one in good[1])}: variations of"
        in (capsys.readouterr().out)
    )


@pytest.mark.parametrize(
    "change", [{"seen": False}, {"named": []}, {"green": False}, {"hidden": "a loss"}]
)
def test_a_fault_that_was_not_seen_or_named_or_repaired_is_1(good, code, change):
    (first, *rest), chance = good
    assert code([first | change, *rest], chance) == 1


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("variation", {"alarms": ["K1"]}),
        ("composed", {"seen": False}),
        ("composed", {"named": False}),
    ],
)
def test_a_false_alarm_and_a_composed_fault_that_was_missed_are_1(good, code, kind, change):
    lines, chance = good
    (first, *rest) = sorted(chance, key=lambda one: one["kind"] != kind)
    assert code(lines, [first | change, *rest]) == 1


def test_what_has_no_line_was_not_looked_at_and_is_1(good, code, capsys):
    lines, chance = good
    assert code(lines[1:], chance) == 1
    assert f"NOT LOOKED AT: fault {lines[0]['name']}" in capsys.readouterr().out
    assert code(lines, chance[1:]) == 1
