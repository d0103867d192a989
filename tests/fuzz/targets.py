"""Every parser of bytes from outside, as a target: it takes any bytes and says whether it accepted
them. It may raise nothing; what it accepts must come back when it is written again.

`tests/unit/test_fuzz_corpus.py` gives each its corpus; `tests/fuzz/fuzz.py` looks for more.
"""

import hashlib
import json
import tempfile
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bictl import settings
from bictl.cdc import connector_file
from bictl.cdc.health import root_cause
from bictl.cdc.position import decode
from bictl.clients.connect import Offset
from bictl.clients.objects import ObjectInfo
from bictl.columns import changed_tables, key_columns, value_columns
from bictl.errors import BictlError, ConfigError, UsageError
from bictl.inert import inert
from bictl.ingest.acks import Ack, list_acks, parse_range
from bictl.ingest.frontier_object import FrontierObject
from bictl.ingest.old_objects import Note, note_key, read_notes
from bictl.model_file import read_model
from bictl.records import Manifest, ack_prefix, is_elsewhere, is_old_batch, parse_batch_key
from bictl.search import grammar
from bictl.takeover.lines import LineParser
from bictl.trace.event import event_of
from bictl.trace.key import key_of, parse_key
from bictl.trace.payload import decoded
from bictl.trace.report import Place
from bictl.wire import EnvelopeSplitter, Line, LineEncoder, LinePacker, parse_line, read_lines

Target = Callable[[bytes], bool]
TARGETS: dict[str, Target] = {}
PREFIX, TOPIC = "product/raw/", "cord.ConcordDb.dbo.Product"
COLUMNS = {"price": "numeric", "name": "text", "is_active": "bool", "created_at": "timestamp"}
AT = datetime(2026, 1, 1, tzinfo=UTC)


def target(found: Target) -> Target:
    """Makes it known by its name."""
    TARGETS[found.__name__] = found
    return found


@target
def line(data: bytes) -> bool:
    """A batch's line; the record behind it has one line of its own."""
    try:
        parsed = parse_line(data)
    except ValueError:
        return False
    assert parse_line(_encoded(parsed)) == parsed
    return True


@target
def record(data: bytes) -> bool:
    """A record's key, value and header, cut out of the bytes: its line is one line of JSON and
    gives them back. b"\\0" stands between the three; a part that is b"\\1" is a null."""
    parts = [None if part == b"\1" else part for part in (*data.split(b"\0", 2), b"\1", b"\1")]
    written = Line(TOPIC, 0, 1, 2, parts[0], parts[1], (("h", parts[2]),))
    encoded = _encoded(written)
    assert b"\n" not in encoded
    json.loads(encoded)
    assert parse_line(encoded) == written
    return True


@target
def batch(data: bytes) -> bool:
    """A batch's gzip bytes; its lines packed again are the same lines."""
    try:
        lines = list(read_lines(data))
    except ValueError:
        return False
    packer = LinePacker()
    packer.add(b"".join(one + b"\n" for one in lines))
    assert list(read_lines(packer.finish())) == lines
    return True


@target
def envelope(data: bytes) -> bool:
    """An envelope in two: no byte of either part is made up, and it is JSON only if it all is."""
    splitter = EnvelopeSplitter()
    schema, rest = splitter.split(data)
    assert schema is None or (schema in data and data.endswith(rest.removeprefix(b'{"payload":')))
    assert splitter.split(data) == (schema, rest)
    if splitter.is_json_line(data):
        json.loads(data)
        assert b"\n" not in data
    return schema is not None


@target
def batch_key(data: bytes) -> bool:
    """An object's key; a batch's name has one key."""
    key = data.decode(errors="replace")
    name = parse_batch_key(PREFIX, key)
    assert name is None or name.key(PREFIX) == key
    assert not (name and (is_old_batch(PREFIX, key) or is_elsewhere(PREFIX, key)))
    return name is not None


@target
def manifest(data: bytes) -> bool:
    """An object's metadata, as JSON."""
    document = _object(data)
    try:
        found = Manifest.from_metadata({key: str(value) for key, value in document.items()})
    except ValueError:
        return False
    assert Manifest.from_metadata(found.to_metadata()) == found
    return True


@target
def frontier(data: bytes) -> bool:
    """A frontier object; its digest is made right, so that what it says is read."""
    with suppress(ValueError):
        FrontierObject.from_bytes(data)
    document = _object(data)
    document.pop("sha256", None)
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    try:
        found = FrontierObject.from_bytes(json.dumps({**document, "sha256": digest}).encode())
    except ValueError:
        return False
    assert FrontierObject.from_bytes(found.to_bytes()) == found
    return True


@target
def ack(data: bytes) -> bool:
    """An acknowledgement under the key that its own words give it."""
    key = "generation=x/generation.json"
    with suppress(TypeError, ValueError, AttributeError):
        key = Ack(**{k: v for k, v in _object(data).items() if k != "format"}).name
    found = list_acks(_Store(f"{ack_prefix(PREFIX)}{key}", data), PREFIX)
    for one in found:
        one.counts_at(AT)
        assert one.range is None or one.range.next > one.range.first >= 0
    return bool(found)


@target
def takeover_note(data: bytes) -> bool:
    """A note about an object that other scripts left."""
    found = read_notes(_Store(note_key(PREFIX, f"{PREFIX}x.jsonl", "etag"), data), PREFIX)
    assert all(isinstance(note, Note) for note in found.values())
    return bool(found)


@target
def old_line(data: bytes) -> bool:
    """A line that other scripts wrote."""
    parser = LineParser(TOPIC)
    try:
        found = parser.parse(data, 1)
    except ValueError:
        return False
    assert parser.parse(data, 1) == found
    return True


@target
def inline_schema(data: bytes) -> bool:
    """The schema inside of a key or a value."""
    document = _object(data)
    key_columns(document)
    return bool(value_columns(document))


@target
def schema_change(data: bytes) -> bool:
    """A record of the connector's schema-change topic."""
    return bool(changed_tables(_object(data)))


@target
def event(data: bytes) -> bool:
    """A record's value as trace reads it."""
    found = event_of(
        Line(TOPIC, 0, 0, 0, data, data, []),
        place=Place("g", 0, 0),
        generation_no=0,
        where="bronze",
    )
    key_of(decoded(data), decoded(data), ["ID", "Region"])
    return found.op in ("c", "u", "d", "r")


@target
def connector(data: bytes) -> bool:
    """A connector's file."""
    try:
        found = connector_file.parse(data, place="x.json")
    except ConfigError:
        return False
    return all(isinstance(value, str) for value in found.config.values())


@target
def worker_offset(data: bytes) -> bool:
    """A committed offset as a Connect worker tells it, and a trace."""
    root_cause(data.decode(errors="replace"))
    document = _object(data)
    parts = [document.get(name) for name in ("partition", "offset")]
    if not all(isinstance(part, dict) for part in parts):
        return False
    decode(Offset(*parts))
    return True


@target
def condition(data: bytes) -> bool:
    """A filter of `bictl search --where`: nothing of the text gets into the SQL."""
    text = data.decode(errors="replace")
    try:
        found = grammar.parse(text, COLUMNS)
    except (UsageError, BictlError):
        return False
    assert set(found.sql) <= _SQL
    return True


@target
def model(data: bytes) -> bool:
    """A staging model's file."""
    return read_model(data.decode(errors="replace")) is not None


@target
def configuration(data: bytes) -> bool:
    """bictl.toml."""
    path = _folder() / "bictl.toml"
    path.write_bytes(data)
    try:
        settings.load(config=str(path), environment={"BICTL_STATE_DIR": str(path.parent)})
    except ConfigError:
        return False
    return True


@target
def words(data: bytes) -> bool:
    """What a person writes: a range of offsets, a key; and text that a terminal must not obey."""
    text = data.decode(errors="surrogateescape")
    shown = inert(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in shown)
    with suppress(UsageError):
        parse_key(text.split("\0"), ["ID", "Region"])
    try:
        found = parse_range(text)
    except UsageError:
        return False
    assert parse_range(str(found)) == found
    return True


_SQL = set("abcdefghijklmnopqrstuvwxyz_0123456789{}%() <>=,~!\n")


class _Store(NamedTuple):
    """A bucket of one object."""

    key: str
    body: bytes

    def list(self, prefix: str) -> list[ObjectInfo]:
        known = self.key.startswith(prefix)
        return [ObjectInfo(self.key, len(self.body), "etag", AT)] if known else []

    def get(self, key: str) -> tuple[bytes, str]:
        assert key == self.key
        return self.body, "etag"


def _encoded(parsed: Line) -> bytes:
    return LineEncoder(parsed.topic, parsed.partition).encode(parsed).removesuffix(b"\n")


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="bictl-fuzz-"))
