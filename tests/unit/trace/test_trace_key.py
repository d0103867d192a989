"""A key as a person writes it, and as records carry it."""

import json

import pytest

from bictl.errors import NotFound, UsageError
from bictl.keys import from_words, in_words, values_of
from bictl.trace.key import Key, key_of, parse_key
from bictl.trace.payload import decoded, moment, operation, source_field, unwrapped

ID = ("ID",)
BOTH = ("ID", "Region")


@pytest.mark.parametrize(
    ("words", "columns", "values"),
    [
        (["4711"], ID, ("4711",)),
        (["ID=4711"], ID, ("4711",)),
        (["a=b"], ID, ("a=b",)),
        (["ID=a=b"], ID, ("a=b",)),
        (["Region=7", "ID=1"], BOTH, ("1", "7")),
        ([""], ID, ("",)),
    ],
)
def test_a_key_is_read_as_it_is_written(words, columns, values):
    assert parse_key(words, columns) == Key(columns, values)


def test_a_key_of_several_columns_names_each():
    with pytest.raises(UsageError, match="the key has 2 columns: ID, Region; '1' names none"):
        parse_key(["1"], BOTH)
    with pytest.raises(UsageError, match="the key's column Region is not given"):
        parse_key(["ID=1"], BOTH)
    with pytest.raises(NotFound, match="unknown key column 'Regoin'"):
        parse_key(["ID=1", "Regoin=7"], BOTH)
    with pytest.raises(UsageError, match="2 values are given for a key of 1: ID"):
        parse_key(["1", "2"], ID)


def test_the_option_is_given_back_as_a_shell_reads_it():
    assert Key(ID, ("4711",)).words == "--key 4711"
    assert Key(ID, ("it's; rm",)).words == "--key 'it'\"'\"'s; rm'"
    assert Key(BOTH, ("1", "a b")).words == "--key ID=1 --key 'Region=a b'"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("4711", "integer", 4711),
        ("-1", "integer", -1),
        ("0", "integer", 0),
        ("2147483647", "integer", 2**31 - 1),
        ("-2147483648", "integer", -(2**31)),
        ("2147483648", "integer", None),
        ("2147483648", "bigint", 2**31),
        ("9007199254740993", "bigint", 2**53 + 1),
        ("9223372036854775807", "bigint", 2**63 - 1),
        ("9223372036854775808", "bigint", None),
        ("99999999999999999999", "bigint", None),
        ("007", "integer", None),
        ("007", "text", "007"),
        ("4.0", "bigint", None),
        ("٤", "integer", None),
        ("abc", "integer", None),
        ("", "integer", None),
        ("", "text", ""),
    ],
)
def test_a_value_is_what_the_index_holds_or_none(text, kind, value):
    assert Key(ID, (text,)).typed([kind]) == (None if value is None else (value,))


def test_a_key_that_has_one_column_of_another_type_is_in_no_index():
    assert Key(BOTH, ("7", "a b")).typed(["integer", "text"]) == (7, "a b")
    assert Key(BOTH, ("7", "x")).typed(["text", "integer"]) is None


AWKWARD = [
    ("7", "2"),
    ("A ", "0"),
    ("", "x"),
    (" ", "\t"),
    ("it's, =", "-1"),
    ("a=b", "'"),
    ("ID=1, Region=2", "3"),
    ("насос", "A, Region=B"),
]


@pytest.mark.parametrize("values", AWKWARD)
def test_a_key_that_verify_names_can_be_given_to_trace_as_it_is(values):
    words = in_words(BOTH, values)
    assert parse_key([words], BOTH) == Key(BOTH, values)
    assert str(Key(BOTH, values)) == words


def test_words_of_a_key_say_what_eyes_would_miss():
    assert in_words(BOTH, ("7", "EU")) == "ID=7, Region=EU"
    assert in_words(BOTH, ("A ", "")) == "ID='A ', Region=''"
    assert in_words(BOTH, ("it's", "a, b")) == "ID='it''s', Region='a, b'"
    assert [in_words(ID, (one,)) for one in ("4711", "a=b", "a b", "A ", "")] == [
        "4711",
        "a=b",
        "a b",
        "'A '",
        "''",
    ]
    assert values_of(BOTH, '["7","it\'s \\"2\\""]') == ("7", 'it\'s "2"')
    assert values_of(ID, '["7"]') == ('["7"]',)


@pytest.mark.parametrize(
    "words", ["ID=1", "ID=1, ID=2", "ID=1, Region=2, X=3", "Id=1, Region=2", "ID='1, Region=2"]
)
def test_words_that_are_no_whole_key_are_not_guessed(words):
    assert from_words(BOTH, words) is None


def test_near_keys_begin_with_those_that_share_the_first_columns():
    others = [("6", "9"), ("7", "1"), ("70", "9"), ("7", "10")]
    nearest = sorted(others, key=Key(BOTH, ("7", "9")).distance)
    assert nearest == [("7", "10"), ("7", "1"), ("6", "9"), ("70", "9")]
    texts = [("b", "1"), ("A-10", "1"), ("A-2", "1")]
    assert sorted(texts, key=Key(BOTH, ("A-1", "1")).distance)[-1] == ("b", "1")


@pytest.mark.parametrize(
    ("key", "value", "is_it"),
    [
        (b'{"ID":4711}', None, True),
        (b'{"schema":{"type":"struct"},"payload":{"ID":4711}}', b"{}", True),
        (b'{"ID":"4711"}', None, True),
        (b'{"ID":47110}', None, False),
        (b'{"Other":4711}', b'{"ID":4711}', False),
        (None, b'{"ID":4711}', True),
        (None, b'{"op":"d","source":{},"before":{"ID":4711},"after":null}', True),
        (None, b'{"payload":{"op":"c","source":{},"after":{"ID":4711},"before":null}}', True),
        (None, None, False),
        (b"4711", None, False),
        (b"\xff4711", None, False),
    ],
)
def test_a_record_is_of_the_key_or_not(key, value, is_it):
    assert Key(ID, ("4711",)).matches(key, value) is is_it


def test_a_text_that_json_may_escape_is_found_however_it_is_written():
    pump = Key(ID, ("насос",))
    for ascii_only in (True, False):
        raw = json.dumps({"ID": "насос"}, ensure_ascii=ascii_only).encode()
        assert pump.matches(raw, None)


def test_a_key_without_one_of_its_columns_is_none():
    assert key_of({"ID": 1}, None, BOTH) is None
    assert key_of({"ID": 1, "Region": None}, None, BOTH) is None
    assert key_of(None, None, ID) is None


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (None, None),
        (b"null", None),
        (b'{"a":1}', {"a": 1}),
        (b"not json", "not json"),
        (b"\xff\x00", {"base64": "/wA="}),
        (b"0.1", 0.1),
        (b"0.10000000000000000001", "0.10000000000000000001"),
        (b"1e400", "1e400"),
        (b"NaN", "NaN"),
        (b"9" * 5000, "9" * 5000),
        (b"[" * 100_000, "[" * 100_000),
        (b"[" * 65 + b"]" * 65, "[" * 65 + "]" * 65),
        (b"[[1]]", [[1]]),
    ],
)
def test_bytes_are_shown_as_what_they_are_and_never_fail(raw, shown):
    assert decoded(raw) == shown


def test_an_event_is_read_in_each_of_its_shapes():
    envelope = {"op": "u", "source": {"ts_ms": 5, "lsn": 7}, "after": {}}
    for value in (envelope, {"payload": envelope}, {"schema": {}, "payload": envelope}):
        assert (operation(value), source_field(value, "lsn")) == ("u", 7)
    flat = {"ID": 1, "__op": "c", "__source_ts_ms": 5}
    assert (operation(flat), source_field(flat, "ts_ms")) == ("c", 5)
    assert operation({"ID": 1, "__deleted": "true"}) == "d"
    assert operation({"ID": 1}) == "u"
    assert (operation(None), operation("text")) == ("tombstone", "?")
    assert source_field("text", "lsn") is None
    assert unwrapped({"payload": 1, "more": 2}) == {"payload": 1, "more": 2}


@pytest.mark.parametrize("value", [None, "x", 10**30, -(10**30), [], True and "later"])
def test_a_time_that_is_none_is_none(value):
    assert moment(value) is None
