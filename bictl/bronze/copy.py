"""Records as Postgres's binary COPY: https://www.postgresql.org/docs/current/sql-copy.html.

Nothing is escaped and nothing parsed: a jsonb field is its version byte and the original bytes.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

from bictl.wire import EnvelopeSplitter, Line

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_ROW = struct.Struct("!hiqiqiiii")  # fields, then length and value: offset, timestamp, schemas
_JSONB = struct.Struct("!iB")
_CHUNK = 1 << 20


class SchemaBook:
    """The inline schemas of a batch, numbered from 1 in the order in which they were met."""

    def __init__(self) -> None:
        self.schemas: list[bytes] = []
        self._numbers: dict[bytes, int] = {}

    def number(self, schema: bytes | None) -> int:
        """The schema's number; 0 for a record without one."""
        if schema is None:
            return 0
        number = self._numbers.get(schema)
        if number is None:
            self.schemas.append(schema)
            number = self._numbers[schema] = len(self.schemas)
        return number


class RowEncoder:
    """Turns records into rows of bictl_batch; the splitters remember the newest schema."""

    def __init__(self, book: SchemaBook) -> None:
        self._book = book
        self._keys, self._values = EnvelopeSplitter(), EnvelopeSplitter()

    def encode(self, line: Line) -> tuple[bytes, ...]:
        """The row's bytes, in pieces."""
        key_no, key = self._split(self._keys, line.key)
        value_no, value = self._split(self._values, line.value)
        head = _ROW.pack(6, 8, line.offset, 8, line.timestamp, 4, key_no, 4, value_no)
        return head, *_jsonb(key), *_jsonb(value)

    def _split(self, splitter: EnvelopeSplitter, raw: bytes | None) -> tuple[int, bytes | None]:
        if raw is None:
            return 0, None
        schema, rest = splitter.split(raw)
        return self._book.number(schema), rest


def chunks(lines: Iterable[Line], encoder: RowEncoder) -> Iterator[bytes]:
    """A whole COPY in pieces of about a megabyte."""
    pieces, size = [HEADER], 0
    for line in lines:
        row = encoder.encode(line)
        pieces.extend(row)
        size += sum(map(len, row))
        if size >= _CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    pieces.append(TRAILER)
    yield b"".join(pieces)


def text_rows(rows: Iterable[tuple[int, Sequence[bytes | None]]]) -> Iterator[bytes]:
    """A whole COPY of (number, texts) rows in pieces of about a megabyte, or of one longer text; a
    text may be bytes as well."""
    pieces, size = [HEADER], 0
    for number, texts in rows:
        pieces.append(struct.pack("!hii", 1 + len(texts), 4, number))
        for text in texts:
            pieces.append(_NULL if text is None else struct.pack("!i", len(text)))
            if text is not None and len(text) > _CHUNK:
                yield b"".join(pieces)
                yield text
                pieces, size = [], 0
            elif text:
                pieces.append(text)
                size += len(text)
        if size >= _CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    pieces.append(TRAILER)
    yield b"".join(pieces)


class ChunkReader:
    """Byte chunks as the file that COPY reads from."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = iter(source)
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end."""
        while not self._rest:
            chunk = next(self._source, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece.tobytes()


def _jsonb(raw: bytes | None) -> tuple[bytes, ...]:
    return (_NULL,) if raw is None else (_JSONB.pack(len(raw) + 1, 1), raw)
