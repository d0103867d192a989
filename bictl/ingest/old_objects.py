"""The old objects of a table, and the notes that say what became of each.

An old object is never changed or deleted. Its note is written once all of its records are in sealed
batches; an object of that name with other content has none, and is taken over again.
"""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bictl.records import Range, is_old_batch, state_prefix

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectInfo, ObjectStore

FORMAT = "bictl.taken-over/1"
_KEPT = 100  # bad lines that a note names
_THREADS = 16  # GETs at once


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A line that is no record; `line` counts from 1."""

    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """What became of one old object, or of a table's old rows: its records, those that differ from
    the ones that stand at their offsets, and its lines that are no records. `ranges` are the
    offsets of the records: what has to be sealed from then on."""

    object: str
    etag: str
    generation: str
    records: int
    different: int = 0
    bad_lines: int = 0
    bad: tuple[BadLine, ...] = field(default=())
    ranges: tuple[Range, ...] = ()
    run: str = ""


def old_objects(objects: "ObjectStore", prefix: str) -> "list[ObjectInfo]":
    """The old objects in the order in which they were written, which is that of their names."""
    listed = objects.list(f"{prefix}batch=")
    return [info for info in listed if is_old_batch(prefix, info.key)]


def untaken(
    objects: "ObjectStore", prefix: str, listed: "Sequence[ObjectInfo]"
) -> "list[ObjectInfo]":
    """Those that have no note yet."""
    if not listed:
        return []
    noted = {info.key for info in objects.list(_folder(prefix))}
    return [info for info in listed if note_key(prefix, info.key, info.etag) not in noted]


def note_key(prefix: str, key: str, etag: str) -> str:
    """Where the note of an object with that content is."""
    return f"{_folder(prefix)}{key.removeprefix(prefix)}/{etag}.json"


def write_note(objects: "ObjectStore", prefix: str, note: Note) -> None:
    """Writes it; one that another run has written says the same and stays."""
    kept = {**asdict(note), "bad": [asdict(line) for line in note.bad[:_KEPT]]}
    body = json.dumps({"format": FORMAT, **kept}, indent=2).encode()
    key = note_key(prefix, note.object, note.etag)
    objects.put_new(key, body, metadata={}, content_type="application/json")


def read_notes(objects: "ObjectStore", prefix: str) -> dict[tuple[str, str], Note]:
    """All notes by object and etag; what is none of ours is left out."""
    keys = [info.key for info in objects.list(_folder(prefix))]
    with ThreadPoolExecutor(_THREADS) as pool:
        parsed = pool.map(lambda key: _parse(objects.get(key)[0]), keys)
        return {(note.object, note.etag): note for note in parsed if note is not None}


def _folder(prefix: str) -> str:
    return f"{state_prefix(prefix)}takeover/"


def _parse(body: bytes) -> Note | None:
    try:
        document = json.loads(body)
        if document.pop("format") != FORMAT:
            return None
        bad = tuple(BadLine(**line) for line in document.pop("bad"))
        ranges = tuple(Range(**one) for one in document.pop("ranges", ()))
        return Note(**document, bad=bad, ranges=ranges)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def in_words(bad: "Iterable[tuple[str, BadLine]]", *, shown: int = 3) -> str:
    """`product/raw/batch=….jsonl line 7: why`, the first few."""
    known: list[tuple[str, Any]] = list(bad)
    more = f" and {len(known) - shown} more" if len(known) > shown else ""
    words = [f"{key} line {line.line}: {line.reason}" for key, line in known[:shown]]
    return f"{'; '.join(words)}{more}"
