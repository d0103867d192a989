"""What --select and --exclude take."""

import re

import pytest
from evidence import TABLE

from bictl.errors import NotFound, UsageError
from bictl.verify.checks import CHECKS, chosen
from bictl.verify.frame import LEVELS
from bictl.verify.layers import LAYERS


def ids(level="default", **wish):
    return [check.id for check in chosen(TABLE, level, **wish)]


def test_a_check_is_selected_by_its_id_in_any_case():
    assert ids(select=["t2", "K5"]) == ["K5", "T2"]


@pytest.mark.parametrize(
    "layer", sorted({check.layer for check in CHECKS} - {"connector", "source"})
)
def test_a_layer_is_selected_by_its_name(layer):
    found = ids(select=[layer.upper()])
    assert found
    assert {LAYERS[name[0]] for name in found} == {layer}
    assert not set(found) & set(ids(exclude=[layer]))


def test_an_unknown_name_is_refused_with_the_nearest_ones():
    with pytest.raises(NotFound) as refused:
        ids(select=["stagin"])
    assert "did you mean 'staging'?" in refused.value.hint
    with pytest.raises(NotFound):
        ids(exclude=["K99"])


def test_a_check_of_another_level_is_refused_and_the_level_named():
    with pytest.raises(UsageError) as refused:
        ids(select=["K10"])
    assert refused.value.hint == "bictl verify --deep --select K10"
    with pytest.raises(UsageError) as refused:
        ids(select=["M3"])
    assert refused.value.hint == "bictl verify --quick --select M3"


def test_a_layer_without_a_check_at_this_level_is_refused_and_the_level_named():
    with pytest.raises(UsageError, match="vectors has no check of this level") as refused:
        ids("quick", select=["vectors"])
    assert refused.value.hint == "bictl verify --select vectors"


def test_what_is_selected_and_excluded_too_is_refused():
    with pytest.raises(UsageError, match="nothing is left of E1"):
        ids(select=["E1"], exclude=["vectors"])


def test_every_check_says_how_it_grows_and_stands_in_a_layer():
    for check in CHECKS:
        assert check.grows, check.id
        assert check.layer, check.id
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_every_check_says_how_its_cost_grows():
    """With what there is more of, or not; another's reading is one that runs where it does."""
    by_id = {check.id: check for check in CHECKS}
    for check in CHECKS:
        assert re.match(r"(not at all|hardly: .+|with .+)$", check.grows), check.id
        for other in re.findall(r"by the same reading as (\w+)", check.grows):
            levels = [level for level in LEVELS if check.runs_at(level)]
            assert other != check.id
            assert all(by_id[other].runs_at(level) for level in levels), check.id
