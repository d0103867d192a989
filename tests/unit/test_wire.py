"""The record line: every byte comes back, one record stays one line, and a line is JSON."""

import base64
import gzip
import json
from contextlib import suppress
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bictl.errors import ConfigError
from bictl.settings import Ingest
from bictl.wire import (
    MAX_BATCH_BYTES,
    MAX_LINE_BYTES,
    EnvelopeSplitter,
    LineEncoder,
    LinePacker,
    parse_line,
    read_lines,
)

TOPIC = "cord.ConcordDb.dbo.Product"
SCHEMA = b'{"type":"struct","fields":[{"field":"a,\\"payload\\":1"}],"name":"cord.Envelope"}'


@dataclass(frozen=True)
class Sample:
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


# Pieces that break a naive line: the line's own members, line ends of every kind, bad UTF-8.
FRAGMENTS = [
    b',"headers":[]}', b',"headers":', b',"value":null', b',"value_b64":"', b'"key":', b"null",
    b'{"schema":', b',"payload":', SCHEMA, b"\n", b"\r", b"\xe2\x80\xa8", b"\xc2\x85", b"\x00",
    b"\xff", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"1", b'"x"', b"\\u0000",
    b"\\ud800", b"NaN", b"1e400", "ї".encode(),
]  # fmt: skip
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
json_texts = st.builds(
    lambda document, indent, ascii: json.dumps(document, indent=indent, ensure_ascii=ascii).encode(
        "utf-8", "surrogatepass"
    ),
    documents,
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)
hostile = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(b"".join)
envelopes = st.builds(
    lambda schema, payload, tail, blank: (
        (b'%b{%b"schema"%b:%b' + schema + b'%b,%b"payload"%b:%b').replace(b"%b", blank)
        + payload
        + tail
    ),
    st.sampled_from([SCHEMA, b"{}", b"null", b'{"a":"\n"}', b"[1]"]),
    json_texts | hostile,
    st.sampled_from([b"}", b"", b',"x":1}', b"},", b"}}", b" }\n"]),
    st.sampled_from([b"", b" ", b"\t ", b"\n  ", b"\r\n", b"\x0b"]),
)
raw = st.none() | st.binary(max_size=64) | json_texts | hostile | envelopes
headers = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8"), max_size=12), st.none() | st.binary(max_size=12)
    ),
    max_size=3,
)
samples = st.builds(
    Sample,
    offset=st.integers(0, 2**63 - 1),
    timestamp=st.integers(-1, 2**63 - 1),
    key=raw,
    value=raw,
    headers=headers,
)


def is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


@given(st.lists(samples, max_size=5), st.integers(0, 2**31 - 1))
@example([Sample(value=b"null"), Sample(value=None), Sample(key=b" null ", value=b" null ")], 0)
@example([Sample(key=b'{"a":1,"value":2}', value=b'{"headers":[1],"headers":[]}')], 0)
@example([Sample(headers=[('","headers":[]}', b'","headers":')])], 0)
@example([Sample(value=b'{"schema":{},"payload":1}'), Sample(value=b'{"schema":{},}')], 0)
def test_every_record_comes_back_byte_for_byte_from_one_line_of_json(records, partition):
    encoder = LineEncoder(TOPIC, partition)
    for record in records:
        line = encoder.encode(record)
        assert line.endswith(b"\n")
        assert b"\n" not in line[:-1]
        assert b"\r" not in line
        assert is_json(line)
        parsed = parse_line(line[:-1])
        assert (parsed.topic, parsed.partition) == (TOPIC, partition)
        assert (parsed.offset, parsed.timestamp) == (record.offset, record.timestamp)
        assert (parsed.key, parsed.value) == (record.key, record.value)
        assert list(parsed.headers) == record.headers


@given(st.lists(raw.filter(lambda one: one is not None), max_size=6))
@example([b'{"schema":{},"payload":1}', b'{"schema":{},}'])
@example([b'{"schema":{},"payload":1}', b'{"schema":{}, "payload":1}'])
@example([b'{"schema":{},"payload":1}', b'{"schema":{},"payload":'])
@example([b"\x00"])
@example([b'{ "schema": {}, "payload": 1 }', b'{"schema":{},"payload":1}', b'{ "schema": {}, "p'])
@example([b'{\n "schema": {"a":\n 1},\n "payload": 1\n}', b'{"schema":{},"payload":1}'])
def test_a_split_envelope_holds_every_byte_and_is_json_exactly_when_the_whole_is(texts):
    splitter = EnvelopeSplitter()
    for text in texts:
        schema, rest = splitter.split(text)
        if schema is None:
            assert rest == text
        else:
            bare = [part.translate(None, b" \t\r\n") for part in (schema, rest, text)]
            assert b'{"schema":' + bare[0] + b"," + bare[1][1:] == bare[2]
            assert schema in text
            assert text.endswith(rest.removeprefix(b'{"payload":'))
            assert rest.startswith(b'{"payload":')
            assert is_json(schema)
            assert is_json(rest) == is_json(text)
        expected = is_json(text) and text != b"null" and b"\n" not in text and b"\r" not in text
        assert splitter.is_json_line(text) == expected


def test_an_envelope_with_blanks_between_its_parts_is_split_like_one_without():
    payload = b'{"op": "c"}'
    for text in (
        b'{"schema":%b,"payload":%b}',
        b'{"schema": %b, "payload": %b}',
        b' { "schema" : %b , "payload" : %b } ',
        b'{\r\n\t"schema":%b,\n"payload":%b\n}',
    ):
        schema, rest = EnvelopeSplitter().split(text % (SCHEMA, payload))
        assert schema == SCHEMA
        assert json.loads(rest) == {"payload": {"op": "c"}}


def test_original_bytes_are_pasted_and_never_re_serialised():
    value = b'{ "price" : 1.10, "big":123456789012345678901234567890, "s":"\\u00e4\xc3\xa4" }'
    line = LineEncoder(TOPIC, 0).encode(Sample(value=value))
    assert b'"value":' + value + b"," in line


def test_what_is_not_json_on_one_line_travels_as_base64():
    for value in (b"\xff\xfe", b"{broken", b'{"a":\n1}', b"NaN", b'"\\ud800"', b""):
        line = LineEncoder(TOPIC, 0).encode(Sample(value=value))
        assert b'"value_b64":"' + base64.b64encode(value) + b'"' in line


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"not json",
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":null,"value":null}',
        b'{"topic":"a/b","partition":0,"offset":1,"timestamp":1,"key":null,"value":null,"headers":[]}',
        b'{"topic":"t","partition":0,"offset":-1,"timestamp":1,"key":null,"value":null,"headers":[]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"value":null,"headers":[]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":null,"headers":[]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":{,"value":1,"headers":[]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key_b64":"!","value":1,"headers":[]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":1,"value_b64":"=","headers":[]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":1,"value":1,"headers":[1]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":1,"value":1,"headers":{}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":1,"value":1,"headers":[["a"]]}',
        b'{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":1,"value":1,"headers":[["a",1]]}',
    ],
)
def test_a_line_that_is_no_record_is_refused(line):
    with pytest.raises(ValueError, match="line"):
        parse_line(line)


@given(st.binary(max_size=200) | hostile)
def test_no_bytes_raise_anything_but_a_value_error(line):
    for text in (line, b'{"topic":"t","partition":0,"offset":1,"timestamp":1,' + line + b"}"):
        with suppress(ValueError):
            parse_line(text)


@given(st.lists(samples, max_size=4), st.integers(1, 3))
def test_the_lines_of_a_batch_come_back_from_its_gzip_bytes(records, members):
    lines = [LineEncoder(TOPIC, 0).encode(record) for record in records]
    parts = [b"".join(lines[start::members]) for start in range(members)]
    body = b"".join(gzip.compress(part) for part in parts)
    expected = [line[:-1] for part in range(members) for line in lines[part::members]]
    assert list(read_lines(body)) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not gzip",
        gzip.compress(b"a\nb\n")[:-1],
        gzip.compress(b"a\nb\n")[:-9],
        gzip.compress(b"a\nb\n") + b"rest",
        gzip.compress(b"no end"),
    ],
    ids=["nothing", "not gzip", "a byte less", "no checksum", "more behind it", "half a line"],
)
def test_broken_or_cut_gzip_bytes_are_refused(body):
    with pytest.raises(ValueError):
        list(read_lines(body))


@given(st.binary(max_size=100), st.integers(0, 99), st.integers(1, 255))
def test_a_flipped_byte_never_yields_other_lines(text, at, flip):
    content = base64.b64encode(text) + b"\n"
    body = bytearray(gzip.compress(content, mtime=0))
    place = 10 + at % (len(body) - 10)  # behind the header, whose bytes say little
    body[place] ^= flip
    try:
        lines = list(read_lines(bytes(body)))
    except ValueError:
        return
    assert lines == [content[:-1]]


def test_what_may_be_sealed_may_be_read():
    """The largest batch that the settings allow, and one line more: read_lines takes it."""
    limits = Ingest(batch_bytes=1 << 29)
    assert limits.batch_bytes + MAX_LINE_BYTES <= MAX_BATCH_BYTES
    with pytest.raises(ConfigError):
        Ingest(batch_bytes=limits.batch_bytes + 1)


def test_a_record_far_beyond_kafkas_usual_limit_is_read_back():
    """The loader puts it aside; a batch that cannot be read would hold up all its other records."""
    value = b"\xff" * (50 << 20)
    packer = LinePacker()
    packer.add(LineEncoder(TOPIC, 0).encode(Sample(value=value)))
    (line,) = read_lines(packer.finish())
    assert parse_line(line).value == value
