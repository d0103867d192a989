"""A line of the scripts' objects: its record, byte by byte, or what is wrong with it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bictl.takeover.lines import LineParser, OldRecord
from bictl.takeover.same import is_same_json
from bictl.takeover.stage import read_object

LINE = '{"topic":"t","partition":0,"offset":5,"timestamp":7,"key":{"ID":1},"value":{"op":"c"}}'


def parse(text: str) -> OldRecord:
    return LineParser("t").parse(text.encode(), 3)


def test_a_line_of_json_keeps_its_own_characters():
    value = '{"n": 1.10, "big": 12345678901234567890.5, "e": 1E400, "s": "\\u00e9", "é": null}'
    record = parse(LINE.replace('{"op":"c"}', value))
    assert record == OldRecord(0, 5, 7, b'{"ID":1}', value.encode(), (), 3)


def test_a_line_of_texts_is_the_records_bytes():
    value = '{"op":"c","s":"é\\n"}'
    record = parse(LINE.replace('{"op":"c"}', json.dumps(value)).replace('{"ID":1}', '"4711"'))
    assert (record.key, record.value) == (b"4711", value.encode())


def test_bytes_that_were_no_utf8_come_back():
    text = json.dumps(b'{"a":"\xff"}'.decode("utf-8", "surrogateescape"))
    assert parse(LINE.replace('{"op":"c"}', text)).value == b'{"a":"\xff"}'


def test_null_and_no_key_are_null():
    record = parse(LINE.replace('{"op":"c"}', "null").replace('"key":{"ID":1},', ""))
    assert (record.key, record.value) == (None, None)


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("7", 7),
        ("[1, 7]", 7),
        ("7.0", 7),
        ('"7"', 7),
        ("null", -1),
        ("-5", -5),
        ('"2024-05-14T12:00:00.123Z"', 1_715_688_000_123),
        ('"2024-05-14 14:00:00.123+02:00"', 1_715_688_000_123),
        ('"2024-05-14T12:00:00.123"', 1_715_688_000_123),
    ],
)
def test_a_timestamp_is_understood_as_scripts_write_it(written, milliseconds):
    line = LINE.replace('"timestamp":7', f'"timestamp":{written}')
    assert parse(line).timestamp == milliseconds


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not JSON", "it is not whole JSON"),
        (LINE[:-1], "it is not whole JSON"),
        (LINE[:40], "it is not whole JSON"),
        (LINE + "}", "something follows"),
        ("[1]", "it is not whole JSON"),
        (LINE.replace('"offset":5,', ""), "it has no offset"),
        (LINE.replace('"value":{"op":"c"}', '"v":1'), "it has no value"),
        (LINE.replace('"t"', '"other"'), "it is of topic 'other'"),
        (LINE.replace('"offset":5', '"offset":-5'), "its offset is '-5'"),
        (LINE.replace('"offset":5', '"offset":5.5'), "its offset is '5.5'"),
        (LINE.replace('"partition":0', '"partition":null'), "its partition is None"),
        (LINE.replace('"timestamp":7', '"timestamp":"now"'), "its timestamp is 'now'"),
        (LINE.replace('{"op":"c"}', '"\\ud800"'), "half a character"),
        (LINE.replace('{"op":"c"}', "[" * 100_000), "nested too deeply"),
    ],
)
def test_what_is_no_record_is_said(line, said):
    with pytest.raises(ValueError, match=said):
        parse(line)


def test_broken_utf8_is_said_with_its_place():
    with pytest.raises(ValueError, match="not UTF-8 at byte 12"):
        LineParser("t").parse(b'{"topic":"t"\xff}', 1)


def test_the_schema_that_is_the_same_in_every_line_is_read_once_and_kept_whole():
    parser = LineParser("t")
    for separators in ((", ", ": "), (",", ":")):
        for number in range(3):
            value = json.dumps(
                {"schema": {"type": "struct", "n": [1]}, "payload": {"ID": number}},
                separators=separators,
            )
            line = LINE.replace('{"op":"c"}', value)
            assert parser.parse(line.encode(), 1).value == value.encode()


def test_a_schema_with_something_behind_the_payload_is_no_record():
    parser = LineParser("t")
    good = LINE.replace('{"op":"c"}', '{"schema":{},"payload":{}}')
    parser.parse(good.encode(), 1)
    with pytest.raises(ValueError, match="not whole JSON"):
        parser.parse(good.replace('"payload":{}', '"payload":{}]').encode(), 2)


numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), documents), st.booleans(), st.booleans())
def test_whatever_json_a_record_holds_comes_back(document, as_text, ascii_only):
    value = json.dumps(document)
    line = {"topic": "t", "partition": 0, "offset": 5, "value": value if as_text else document}
    text = json.dumps(line, ensure_ascii=ascii_only)
    found = LineParser("t").parse(text.encode("utf-8", "surrogatepass"), 1).value
    assert json.loads(found) == document
    assert is_same_json(found, value.encode())


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (b'{"a":1,"b":2}', b'{ "b" : 2.0, "a" : 1 }', True),
        (b'"\\u00e9"', '"é"'.encode(), True),
        (b"0.1234567890123456789", b"0.12345678901234568", False),
        (b"12345678901234567890123", b"12345678901234567890124", False),
        (b"1e400", b"1E+400", True),
        (b"true", b"1", False),
        (b"null", None, False),
        (None, None, True),
        (b"not JSON", b"not JSON", True),
        (b"not JSON", b"nor this", False),
        (b'"1"', b"1", False),
        (b"NaN", b'"NaN"', False),
        (b"\xff", b"\xfe", False),
    ],
)
def test_two_texts_are_the_same_value_to_the_last_digit(left, right, same):
    assert is_same_json(left, right) is same


def test_an_object_is_its_records_in_order_its_bad_lines_and_its_contradictions():
    lines = [
        LINE,
        LINE.replace('"offset":5', '"offset":3'),
        "",
        LINE.replace('{"op":"c"}', '{"op":"u"}'),
        LINE.replace('"partition":0', '"partition":1'),
        LINE,
        '{"topic":"t","part',
    ]
    found, bad, different = read_object("\n".join(lines).encode(), "t", "file")
    assert {partition: [r.offset for r in records] for partition, records in found.items()} == {
        0: [3, 5],
        1: [5],
    }
    assert [line.line for line in bad] == [7]
    assert [(one.old.line, one.standing) for one in different] == [(4, "file line 1")]
