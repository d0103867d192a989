"""A batch made ready for its COPY, off the database's time: read, checked, split, encoded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bictl.bronze.batch import Batch
from bictl.bronze.copy import RowEncoder, SchemaBook, chunks
from bictl.wire import Line

MAX_RECORD_BYTES = 16 << 20  # of key and value; what is larger goes to quarantine
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999


@dataclass(frozen=True)
class Reject:
    """A record that bronze cannot hold, with Postgres's reason or ours in its words."""

    line: Line
    sqlstate: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A batch and its COPY; `rejects` are left out of it. `book` numbers its schemas."""

    batch: Batch
    chunks: list[bytes]
    count: int
    book: SchemaBook
    rejects: list[Reject]


def prepare(batch: Batch) -> Prepared:
    """Reads the whole batch once; DamagedObject when it does not fit its manifest."""
    book, rejects = SchemaBook(), list[Reject]()
    copied = list(chunks(_loadable(batch, rejects), RowEncoder(book)))
    return Prepared(
        batch=batch,
        chunks=copied,
        count=batch.manifest.records - len(rejects),
        book=book,
        rejects=rejects,
    )


def loadable(batch: Batch) -> Iterator[Line]:
    """The records that are sent to Postgres, in order."""
    return _loadable(batch, [])


def instant(milliseconds: int | None) -> str | None:
    """Milliseconds since the epoch as Postgres reads an instant; infinite beyond its calendar."""
    if milliseconds is None:
        return None
    if not _FIRST_MS <= milliseconds <= _LAST_MS:
        return "infinity" if milliseconds > 0 else "-infinity"
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat()


def _loadable(batch: Batch, rejects: list[Reject]) -> Iterator[Line]:
    for line in batch.records():
        reject = unloadable(line)
        if reject is None:
            yield line
        else:
            rejects.append(reject)


def unloadable(line: Line) -> Reject | None:
    """What is refused before Postgres sees it."""
    if not _FIRST_MS <= line.timestamp <= _LAST_MS:
        return Reject(
            line, "22008", f"timestamp {line.timestamp} ms is outside the years 1 to 9999"
        )
    size = len(line.key or b"") + len(line.value or b"")
    if size > MAX_RECORD_BYTES:
        return Reject(line, "54000", f"{size} bytes, more than {MAX_RECORD_BYTES}")
    return None
