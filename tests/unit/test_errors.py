"""The tree of errors: as drawn, with the exit codes that scripts rely on."""

import inspect
import re

import pytest

from bictl import errors
from bictl.errors import BictlError, Interrupted, NotFound, exit_code_of, nearest


def drawn() -> dict[str, tuple[int, int]]:
    """name -> (depth, exit code), as the module's docstring draws it."""
    found = {}
    for line in (errors.__doc__ or "").split("\n"):
        match = re.match(r"    ([│├└─ ]*)(\w+) +(\d+) ", line)
        if match:
            found[match[2]] = (len(match[1]) // 4, int(match[3]))
    return found


def real() -> dict[str, tuple[int, int]]:
    classes = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, BictlError)
    ]
    return {kind.__name__: (kind.__mro__.index(BictlError), kind.exit_code) for kind in classes}


def test_the_tree_in_the_docstring_is_the_tree_in_the_code():
    assert len(drawn()) > 10
    assert drawn() == real()


def test_the_order_of_the_drawing_is_a_tree_of_parents():
    parents: list[str] = []
    for name, (depth, _) in drawn().items():
        del parents[depth:]
        kind = getattr(errors, name)
        assert [base.__name__ for base in kind.__mro__[1 : depth + 1]] == parents[::-1]
        parents.append(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("StageFailed", 1), ("UsageError", 2), ("ConfigError", 2), ("AccessDenied", 2),
        ("SchemaMismatch", 2), ("MissingDependency", 2), ("Unreachable", 4), ("TimedOut", 4),
        ("LockHeld", 5), ("LossError", 6), ("TopicRecreated", 6), ("RetentionPassed", 6),
        ("EndBelowFrontier", 6), ("BatchConflict", 6),
    ],
)  # fmt: skip
def test_exit_codes_are_those_that_are_promised(name, code):
    error = getattr(errors, name)("what was expected and what came", hint="the next command")
    assert exit_code_of(error) == code
    assert (str(error), error.hint) == ("what was expected and what came", "the next command")


def test_a_clean_stop_by_a_signal_exits_like_the_shell_says_it():
    assert exit_code_of(Interrupted(2)) == 130
    assert exit_code_of(Interrupted(15)) == 143


def test_what_is_not_ours_is_a_bug_and_exits_1():
    assert exit_code_of(KeyError("x")) == 1


def test_no_class_stands_outside_of_the_tree():
    import pkgutil
    from pathlib import Path

    import bictl

    folder = Path(bictl.__file__).parent
    pattern = re.compile(r"^class (\w+)\((?:\w+, *)*(?:\w*Error|Exception|Unreachable)\b", re.M)
    names = {
        name
        for module in pkgutil.walk_packages([str(folder)])
        for file in folder.rglob(f"{module.name}.py")
        for name in pattern.findall(file.read_text(encoding="utf-8"))
    }
    assert names <= set(real()) | {"Exception"}


def test_an_unknown_name_lists_what_exists_the_nearest_first():
    error = NotFound("topic", "cord.Prodct", existing=["audit", "cord.Product", "cord.Category"])
    assert error.message == "unknown topic 'cord.Prodct'"
    assert error.hint == (
        "did you mean 'cord.Product'? existing: cord.Product, cord.Category, audit"
    )


def test_a_long_list_is_cut_and_says_so_and_an_empty_one_is_named():
    many = NotFound("bucket", "x", existing=[f"bucket-{n}" for n in range(9)])
    assert many.hint.endswith("and 4 more")
    assert NotFound("bucket", "x").hint == "there is no bucket yet"
    assert NotFound("bucket", "x", hint="own words").hint == "own words"


def test_nearness_ignores_case_and_is_stable():
    assert nearest("PRODUCT", ["zebra", "product", "aaa", "bbb"])[0] == "product"
    assert nearest("q", ["b", "a"]) == ["a", "b"]
