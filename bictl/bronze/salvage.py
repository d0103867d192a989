"""A batch that Postgres refuses: the bad records to quarantine, every other one into bronze.

`pg_input_error_info` names most bad values at once; what it cannot name without failing itself
(nesting beyond the server's stack) is found by halving.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from bictl import assets
from bictl.bronze.copy import ChunkReader, RowEncoder, SchemaBook, chunks, text_rows
from bictl.bronze.prepare import Reject, loadable
from bictl.bronze.schemas import SchemaIds
from bictl.errors import BictlError
from bictl.wire import Line

if TYPE_CHECKING:
    from bictl.bronze.store import BatchStore
    from bictl.clients.database import Database

_COPY = "copy pg_temp.bictl_suspect from stdin (format binary)"
GROUP_RECORDS, GROUP_BYTES = 256, 32 << 20  # what is held in memory at a time


class Target(Protocol):
    """What takes the records, in an open transaction."""

    database: "Database"

    def put(self, copied: Iterable[bytes], count: int, schema_ids: list[int]) -> None:
        """Takes `count` records of a COPY; all of them, or an error and none."""
        ...

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Takes records that bronze cannot hold."""
        ...


def salvage(work: "BatchStore", ids: SchemaIds) -> None:
    """Loads a batch in groups, each halved until only what is bad is left out."""
    for group in _groups(loadable(work.batch)):
        load_group(work, ids, group)


def load_group(work: Target, ids: SchemaIds, lines: list[Line]) -> None:
    """Loads what is good of some records that are held in memory, and rejects the others."""
    try:
        rejects = _suspects(work, lines)
        bad = {reject.line.offset for reject in rejects}
        _put(work, ids, [line for line in lines if line.offset not in bad])
    except BictlError as error:
        refusal = work.database.refusal(error)
        if refusal is None:
            raise
        if len(lines) == 1:
            work.reject([Reject(lines[0], *refusal)])
            return
        half = len(lines) // 2
        load_group(work, ids, lines[:half])
        load_group(work, ids, lines[half:])
        return
    work.reject(rejects)


def _put(work: Target, ids: SchemaIds, lines: list[Line]) -> None:
    if not lines:
        return
    book = SchemaBook()
    copied = list(chunks(lines, RowEncoder(book)))
    work.put(copied, len(lines), ids.of(book.schemas))


def _suspects(work: Target, lines: list[Line]) -> list[Reject]:
    """The records that are no UTF-8 text, and those whose text is no jsonb."""
    rejects = [reject for line in lines if (reject := _not_text(line))]
    bad = {reject.line.offset for reject in rejects}
    texts = [line for line in lines if line.offset not in bad]
    rows = text_rows((number, (line.key, line.value)) for number, line in enumerate(texts))
    with work.database.transaction():
        work.database.execute("truncate pg_temp.bictl_suspect")
        work.database.copy_in(_COPY, ChunkReader(rows))
        refused = work.database.rows(assets.sql("bronze/refused"))
    return rejects + [Reject(texts[number], state, reason) for number, state, reason in refused]


def _not_text(line: Line) -> Reject | None:
    for name, raw in (("key", line.key), ("value", line.value)):
        at = undecodable(raw or b"")
        if at is not None:
            return Reject(line, "22021", f"{name}: not UTF-8 text at byte {at}")
    return None


def undecodable(raw: bytes) -> int | None:
    """Where the bytes stop being what a Postgres text may hold."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return raw.index(0) if 0 in raw else None


def _groups(lines: Iterable[Line]) -> Iterator[list[Line]]:
    group: list[Line] = []
    size = 0
    for line in lines:
        group.append(line)
        size += len(line.key or b"") + len(line.value or b"")
        if len(group) >= GROUP_RECORDS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
