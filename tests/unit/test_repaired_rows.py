"""What a repair leaves, as rows and as one line."""

from types import SimpleNamespace

from bictl.repair import Left, Repaired

DEAD = {"state": "unknown", "message": "no server at db:5432", "hint": "bictl doctor"}


def test_checks_that_found_the_same_share_a_row_and_what_is_unknown_is_no_persons_work():
    left = [
        Left(check="B1", **DEAD),
        Left(check="O1", state="warn", message="notes.txt", hint="delete it"),
        Left(check="B2", **DEAD),
    ]
    result = Repaired(table="product", steps=(), left=tuple(left), after=SimpleNamespace())
    assert [(row["checks"], row["does"], row["command"]) for row in result.rows] == [
        ("B1 B2", "no server at db:5432", "bictl doctor"),
        ("O1", "notes.txt", "delete it"),
    ]
    assert result.summary == "1 left to a person, 2 unknown"
