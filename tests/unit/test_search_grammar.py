"""The language of --where: what it means, and that nothing else comes through."""

import re
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bictl.errors import NotFound, UsageError
from bictl.search import parse
from bictl.search.asked import check

TYPES = {
    "price": "numeric",
    "category_id": "int4",
    "name": "text",
    "is_active": "bool",
    "created_at": "timestamp",
    "source_timestamp": "timestamptz",
    "payload": "jsonb",
    "Mixed": "int4",
}
# All that a condition's SQL may consist of, whatever the user wrote.
WORDS = re.compile(
    r"(\{column_\d+\}|%\(value_\d+\)s|and|or|not|in|is|null|between|ilike|[()<>=]| )+"
)


def read(text):
    """The condition with its columns and values in their places, for comparing."""
    condition = parse(text, TYPES)
    assert WORDS.fullmatch(condition.sql)
    shown = re.sub(r"\{(column_\d+)\}", lambda m: condition.columns[m[1]], condition.sql)
    return re.sub(r"%\((value_\d+)\)s", lambda m: repr(condition.values[m[1]]), shown)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("price < 20", "price < 20"),
        ("price<=-.5", "price <= Decimal('-0.5')"),
        ("price == 3 or price != 4", "price = 3 or price <> 4"),
        ("category_id in (3, 4)", "category_id in (3, 4)"),
        ("category_id not in (3)", "category_id not in (3,)"),
        ('name ~ "pump"', "name ilike '%pump%'"),
        ("name !~ '50%_\\'", r"name not ilike '%50\\%\\_\\\\%'"),
        ("name = 'it''s'", '''name = "it's"'''),
        ("is_active", "is_active"),
        ("not is_active and price > 1", "not (is_active) and price > 1"),
        ("is_active = FALSE", "is_active = False"),
        ("NAME is not null OR Price IS NULL", "name is not null or price is null"),
        ("price between 1 and 2 and is_active", "price between 1 and 2 and is_active"),
        ("(price < 1 or price > 2) and not (is_active)",
         "(price < 1 or price > 2) and not ((is_active))"),
        ("created_at >= '2026-01-31'", f"created_at >= {datetime(2026, 1, 31)!r}"),
        ("source_timestamp < '2026-01-31T02:00+02:00'",
         f"source_timestamp < {datetime(2026, 1, 31)!r}"),
        ("Mixed = 1", "Mixed = 1"),
    ],
)  # fmt: skip
def test_a_condition_means_what_it_says(text, meaning):
    assert read(text) == meaning


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected a column, 'not' or '(' at character 1, got the end"),
        ("price <", "expected a number for price at character 8, got the end"),
        ("price < 'a'", "expected a number for price at character 9, got \"'a'\""),
        ("name = 3", "expected a text in quotes for name at character 8, got '3'"),
        ("name ~ 3", "expected a text in quotes for name"),
        ("price ~ '3'", "~ looks into texts, and price is a number"),
        ("name", "expected a comparison of name"),
        ("price < 20 and", "got the end"),
        ("price < 20 is_active", "expected 'and', 'or' or the end at character 12"),
        ("(price < 20", "expected ')' at character 12, got the end"),
        ("price in ()", "expected a number"),
        ("is_active = 1", "expected true or false"),
        ("created_at > 'yesterday'", "expected a time in quotes"),
        ("created_at > '0001-01-01T00:00+14:00'", "expected a time in quotes"),
        ("name = 'a\0b'", "expected a text"),
        ("name = '\ud800'", "expected a text"),
        ("name = 'open", "expected a column, a value or a comparison at character 8"),
        ("price < 20; drop table x", "at character 11, got '; drop table x'"),
        ("price < 1e999", "got '1e999'"),
        ("payload = 'x'", "cannot compare payload, which is jsonb"),
        ("true", "expected a column"),
        ("not " * 60 + "is_active", "nested deeper"),
        ("(" * 60, "nested deeper"),
        ("price < 1 " * 300, "2000 characters at most"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, complaint):
    with pytest.raises(UsageError) as caught:
        parse(text, TYPES)
    assert complaint in caught.value.message


def test_an_unknown_column_names_the_nearest_one():
    with pytest.raises(NotFound, match="prise") as caught:
        parse("prise < 20", TYPES, where="in staging_staging.stg_product")
    assert "did you mean 'price'" in caught.value.hint


SIGNS = ["=", "!=", "<", "<=", ">", ">=", "~", "!~", "(", ")", ",", ";", "--", "'", '"', "\\", "%s"]
WORDS_OF = ["and", "or", "not", "in", "is", "null", "between", "true", "false", "drop"]
VALUES = ["1", "-2.5", "'x'", '"y"', "'2026-01-01'", "''"]
TOKENS = st.sampled_from([*TYPES, *SIGNS, *WORDS_OF, *VALUES])


@settings(max_examples=1500, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(TOKENS, max_size=14).map(" ".join)))
@example("price < 20) or (1=1")
@example("name = '%(value_0)s {table}'")
def test_any_text_is_a_condition_of_our_own_words_or_a_usage_error(text):
    try:
        condition = parse(text, TYPES)
    except UsageError:
        return
    assert WORDS.fullmatch(condition.sql)
    assert set(condition.columns.values()) <= set(TYPES)
    assert set(re.findall(r"%\((\w+)\)s", condition.sql)) == set(condition.values)
    assert set(re.findall(r"\{(\w+)\}", condition.sql)) == set(condition.columns)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_any_storable_text_comes_back_as_the_value_itself(text):
    quoted = text.replace("'", "''")
    assert parse(f"name = '{quoted}'", TYPES).values == {"value_0": text}


@settings(max_examples=200, deadline=None)
@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15
    )
)
def test_any_number_comes_back_exactly(number):
    assert Decimal(parse(f"price = {number:f}", TYPES).values["value_0"]) == number


@pytest.mark.parametrize(
    ("text", "options", "complaint"),
    [
        ("", {}, "empty"),
        (" \n", {}, "empty"),
        ("x" * 1001, {}, "1000 characters at most"),
        ("a\0b", {}, "NUL"),
        ("\udcff", {}, "broken UTF-8"),
        ("x", {"limit": 0}, "1 to 1000"),
        ("x", {"limit": 1001}, "1 to 1000"),
        ("x", {"mode": "semantics"}, "unknown mode"),
    ],
)
def test_a_query_that_cannot_be_asked_is_refused(text, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        check(text, **{"mode": "hybrid", "limit": 10, **options})


def test_what_may_be_a_code_is_taken_from_the_query():
    asked = check("Nordfix nor 51107 a", mode="hybrid", limit=10)
    assert asked.codes[0] == "Nordfix nor 51107 a"
    assert {"nor 51107 a", "nor 51107", "51107", "51107 a"} <= set(asked.codes)
    assert "Nordfix" not in asked.codes
    assert asked.words == ["Nordfix", "nor", "51107", "a"]
    assert check('(pump),  "pump" - !', mode="hybrid", limit=1).words == ["pump"]
