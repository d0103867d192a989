"""A batch that Postgres refuses: the bad records to quarantine, every other one into bronze.

`pg_input_error_info` names most bad values at once; what it cannot name without failing itself
(nesting beyond the server's stack) is found by halving.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bictl import assets
from bictl.bronze.copy import ChunkReader, RowEncoder, SchemaBook, chunks, text_rows
from bictl.bronze.prepare import Reject, loadable
from bictl.bronze.schemas import SchemaIds
from bictl.errors import BictlError
from bictl.wire import Line

if TYPE_CHECKING:
    from bictl.bronze.store import BatchStore

_COPY = "copy pg_temp.bictl_suspect from stdin (format binary)"
_GROUP_RECORDS, _GROUP_BYTES = 256, 32 << 20


def salvage(work: "BatchStore", ids: SchemaIds) -> None:
    """Loads a batch in groups, each halved until only what is bad is left out."""
    for group in _groups(loadable(work.batch)):
        _load(work, ids, group)


def _load(work: "BatchStore", ids: SchemaIds, lines: list[Line]) -> None:
    try:
        rejects = _suspects(work, lines)
        bad = {reject.line.offset for reject in rejects}
        _put(work, ids, [line for line in lines if line.offset not in bad])
    except BictlError as error:
        refusal = work.database.refusal(error)
        if refusal is None:
            raise
        if len(lines) == 1:
            work.reject(Reject(lines[0], *refusal))
            return
        half = len(lines) // 2
        _load(work, ids, lines[:half])
        _load(work, ids, lines[half:])
        return
    for reject in rejects:
        work.reject(reject)


def _put(work: "BatchStore", ids: SchemaIds, lines: list[Line]) -> None:
    if not lines:
        return
    book = SchemaBook()
    copied = list(chunks(lines, RowEncoder(book)))
    work.put(copied, len(lines), ids.of(book.schemas))


def _suspects(work: "BatchStore", lines: list[Line]) -> list[Reject]:
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
        at = _undecodable(raw or b"")
        if at is not None:
            return Reject(line, "22021", f"{name}: not UTF-8 text at byte {at}")
    return None


def _undecodable(raw: bytes) -> int | None:
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
        if len(group) >= _GROUP_RECORDS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
