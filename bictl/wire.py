"""The bytes of one record: its line in a batch, and its envelope split without re-serialising.

A line is one JSON object: topic, partition, offset, timestamp, key, value, headers. Key and value
are the original bytes inline when they are JSON on one line, else `key_b64` / `value_b64` hold them
in base64; a Kafka null is `null`, so the JSON text `null` itself travels as base64. A header is
`[name, base64 | null]`. Lines end with `\\n` and are split on that byte only.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from bictl.records import Record

_HEAD = re.compile(
    rb'\{"topic":"([A-Za-z0-9._-]{1,249})","partition":(\d{1,10}),"offset":(\d{1,19}),'
    rb'"timestamp":(-?\d{1,19}),'
)
MAX_BATCH_BYTES = 1 << 30  # of a batch's lines: what a reader unpacks before it takes it for a bomb
MAX_LINE_BYTES = 1 << 29  # a batch may exceed its limit by one line, and must still be readable
_LEVEL = 1  # of isal's 0 to 3: half as many bytes as 0 at the same speed
_SLICE = 64 << 10  # compressed bytes at a time; deflate grows a byte to at most 1032
_PIECE = 1 << 20

_HEADERS = b',"headers":'
_WRAPPED = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"schema"[ \t\n\r]*:[ \t\n\r]*')
_PAYLOAD = re.compile(rb',[ \t\n\r]*"payload"[ \t\n\r]*:[ \t\n\r]*')


class Line(NamedTuple):
    """One parsed line; key and value are the original bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class EnvelopeSplitter:
    """Takes the inline schema off a wrapped envelope, remembering the schemas it has seen.

    The schema is the same bytes in every record of one table version, so it is looked at once.
    """

    def __init__(self) -> None:
        self._schema: bytes | None = None  # the newest one
        self._head = b""  # its `{"schema":…,"payload":`, with whatever blanks are between the parts
        self._one_line = True  # whether that has no line end

    def split(self, envelope: bytes) -> tuple[bytes | None, bytes]:
        """(schema, `{"payload":…}`) of a wrapped envelope; (None, envelope) of any other shape.

        Where no blanks are between the parts, as converters write it, they hold every byte but the
        schema's name: `{"schema":` + schema + `,` + rest[1:].
        """
        known = self._schema is not None and envelope.startswith(self._head)
        if not known and not self._learn(envelope):
            return None, envelope
        return self._schema, b'{"payload":' + envelope[len(self._head) :]

    def is_json_line(self, raw: bytes) -> bool:
        """Whether the bytes are JSON on one line, so that they may be pasted into one."""
        schema, rest = self.split(raw)
        if b"\n" in rest or b"\r" in rest or raw == b"null":
            return False
        return (schema is None or self._one_line) and _is_json(rest)

    def _learn(self, envelope: bytes) -> bool:
        if envelope.startswith(b'{"') and not envelope.startswith(b'{"schema"'):
            return False  # the usual shape without a schema
        start = _WRAPPED.match(envelope)
        if start is None or not envelope.startswith(b"{", start.end()):
            return False
        for joint in _PAYLOAD.finditer(envelope, start.end()):
            schema = envelope[start.end() : joint.start()].rstrip(b" \t\n\r")
            if _is_json(schema):  # the first cut that leaves whole JSON is the member's end
                self._head, self._schema = envelope[: joint.end()], schema
                self._one_line = b"\n" not in self._head and b"\r" not in self._head
                return True
        return False


class LineEncoder:
    """Writes the records of one partition as lines."""

    def __init__(self, topic: str, partition: int) -> None:
        self._head = b'{"topic":"%b","partition":%d,"offset":' % (topic.encode(), partition)
        self._keys, self._values = EnvelopeSplitter(), EnvelopeSplitter()

    def encode(self, record: Record) -> bytes:
        """The record's line, its `\\n` included."""
        return b'%b%d,"timestamp":%d,%b,%b,"headers":%b}\n' % (
            self._head,
            record.offset,
            record.timestamp,
            _member(b"key", record.key, self._keys),
            _member(b"value", record.value, self._values),
            _headers(record.headers),
        )

    def pasted(self, record: Record) -> bytes | None:
        """The line without its `\\n`, its value taken for JSON on one line: a line of a batch that
        is this one holds this record, to the byte. None where only a parsed line can say so.
        """
        key, value = record.key, record.value
        if value == b"null" or not (key is None or self._keys.is_json_line(key)):
            return None
        return b'%b%d,"timestamp":%d,"key":%b,"value":%b,"headers":%b}' % (
            self._head,
            record.offset,
            record.timestamp,
            b"null" if key is None else key,
            b"null" if value is None else value,
            _headers(record.headers),
        )


class LinePacker:
    """Lines into the gzip bytes of a batch: the same lines in the same portions, the same bytes."""

    def __init__(self) -> None:
        from isal import isal_zlib

        # 31: a gzip header without a time or a name
        self._compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, 31)
        self._parts: list[bytes] = []
        self.unpacked, self.packed = 0, 0  # bytes so far

    def add(self, lines: bytes) -> None:
        """Packs whole lines."""
        self.unpacked += len(lines)
        self._keep(self._compressor.compress(lines))

    def finish(self) -> bytes:
        """The whole batch."""
        self._keep(self._compressor.flush())
        return b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self.packed += len(part)
        if part:
            self._parts.append(part)


def offset_of(line: bytes) -> int:
    """The offset of a line's record; ValueError when it does not start as one."""
    head = _HEAD.match(line)
    if head is None:
        raise ValueError("the line is not a record: it must start with topic")
    return int(head[3])


def parse_line(line: bytes) -> Line:
    """The record behind a line without its `\\n`; ValueError says what is wrong with it."""
    head = _HEAD.match(line)
    headers_at = line.rfind(_HEADERS)
    if head is None or headers_at < 0 or not line.endswith(b"}"):
        raise ValueError("the line is not a record: it must start with topic and end with headers")
    key, value_at = _key(line, head.end())
    value = _value(line[value_at:headers_at])
    topic, partition, offset, timestamp = head.groups()
    return Line(
        topic.decode(),
        int(partition),
        int(offset),
        int(timestamp),
        key,
        value,
        _parse_headers(line[headers_at + len(_HEADERS) : -1]),
    )


def read_lines(body: bytes) -> Iterator[bytes]:
    """The lines of a batch's gzip bytes, without their `\\n`; memory is bound by the longest line.

    ValueError when the bytes are not whole gzip, when the last line has no end, or beyond
    MAX_BATCH_BYTES and MAX_LINE_BYTES.
    """
    rest = b""
    for piece in _unpack(body):
        lines = piece.split(b"\n")
        lines[0] = rest + lines[0]
        rest = lines.pop()
        if len(rest) > MAX_LINE_BYTES:
            raise ValueError(f"a line is longer than {MAX_LINE_BYTES} bytes")
        yield from lines
    if rest:
        raise ValueError("the last line has no end")


def _unpack(body: bytes) -> Iterator[bytes]:
    """The uncompressed bytes of all gzip members, a piece at a time."""
    from isal import isal_zlib

    unpacker, given, at, total, full = isal_zlib.decompressobj(wbits=31), b"", 0, 0, False
    try:
        while True:
            if unpacker.eof:
                given = unpacker.unused_data
                if not given and at >= len(body):
                    return
                unpacker = isal_zlib.decompressobj(wbits=31)  # another member follows
            if not given and not full:
                given, at = body[at : at + _SLICE], at + _SLICE
                if not given:
                    raise ValueError("the gzip bytes end too early")
            piece = unpacker.decompress(given, _PIECE)
            given, full = unpacker.unconsumed_tail, len(piece) == _PIECE
            total += len(piece)
            if total > MAX_BATCH_BYTES:
                raise ValueError(f"the lines are more than {MAX_BATCH_BYTES} bytes")
            yield piece
    except isal_zlib.error as error:  # type: ignore[misc]  # a class; isal's stub says an instance
        raise ValueError(f"the gzip bytes are broken: {error}") from None


def _member(name: bytes, raw: bytes | None, splitter: EnvelopeSplitter) -> bytes:
    if raw is None:
        return b'"%b":null' % name
    if splitter.is_json_line(raw):
        return b'"%b":%b' % (name, raw)
    return b'"%b_b64":"%b"' % (name, base64.b64encode(raw))


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    if not headers:
        return b"[]"
    return orjson.dumps(
        [
            [name, None if value is None else base64.b64encode(value).decode()]
            for name, value in headers
        ]
    )


def _key(line: bytes, start: int) -> tuple[bytes | None, int]:
    """The key, and where the value's member starts (behind the comma)."""
    if line.startswith(b'"key_b64":"', start):
        start += len(b'"key_b64":"')
        end = line.find(b'"', start)
        if end < 0 or not line.startswith(b',"value', end + 1):
            raise ValueError("the line's key_b64 has no end")
        return _from_base64(line[start:end]), end + 2
    if not line.startswith(b'"key":', start):
        raise ValueError("the line has no key")
    start += len(b'"key":')
    end = line.find(b',"value', start)
    while end >= 0:  # a key may itself hold a member of that name: the cut must leave whole JSON
        key = line[start:end]
        if key == b"null":
            return None, end + 1
        if _is_json(key):
            return key, end + 1
        end = line.find(b',"value', end + 1)
    raise ValueError("the line's key has no end")


def _value(member: bytes) -> bytes | None:
    if member.startswith(b'"value":'):
        value = member[len(b'"value":') :]
        return None if value == b"null" else value
    if member.startswith(b'"value_b64":"') and member.endswith(b'"'):
        return _from_base64(member[len(b'"value_b64":"') : -1])
    raise ValueError("the line has no value")


def _parse_headers(text: bytes) -> Sequence[tuple[str, bytes | None]]:
    if text == b"[]":
        return ()
    try:
        return tuple(
            (str(name), None if value is None else _from_base64(value.encode()))
            for name, value in orjson.loads(text)
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"the line's headers are not a list of pairs: {error}") from None


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the line's base64 is broken: {error}") from None


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True
