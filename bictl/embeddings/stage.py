"""The stage: what changed is encoded window by window, each window is one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl import assets
from bictl.clients.relations import quoted
from bictl.counted import counted
from bictl.embeddings.index import VectorIndex
from bictl.embeddings.layout import TEXT_RULE, Layout
from bictl.errors import NotFound, StageFailed
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.encoder import Encoder
    from bictl.clients.weights import Floats
    from bictl.settings import Table

WINDOW = 1024  # texts: enough to sort by length (0.6 % padding), some seconds to lose to a kill
_ALL = 2**62
_LATER = "left to the next run"


@dataclass(frozen=True, kw_only=True)
class EmbedResult:
    """What a run of embed found and did.

    `rows` staging holds, of which `empty` have no text and so no vector; `texts` were encoded for
    `embedded` rows (identical texts once); `removed` vectors had lost their row; `truncated` texts
    were longer than the model reads. `index` is kept, built, none, or left to another run or to the
    next one.
    """

    table: str
    model: str
    rows: int
    empty: int
    texts: int
    embedded: int
    removed: int
    remaining: int
    truncated: int
    index: str

    exit_code: int = 0

    @property
    def summary(self) -> str:
        """One line for a person."""
        said = [
            f"embedded {counted(self.texts, 'text')} for {counted(self.embedded, 'row')}"
            if self.texts
            else "",
            f"removed {counted(self.removed, 'vector')}" if self.removed else "",
            counted(self.remaining, "text", "remains") if self.remaining else "",
            f"{counted(self.truncated, 'text', 'was')} cut at the model's limit"
            if self.truncated
            else "",
            f"{counted(self.empty, 'row', 'has')} no text" if self.empty else "",
            "built the index" if self.index == "built" else "",
        ]
        done = ", ".join(part for part in said if part)
        vectors = self.rows - self.empty
        unchanged = (
            "the vector is that of its text"
            if vectors == 1
            else f"all {vectors} vectors are those of their texts"
        )
        return done if self.texts or self.removed else f"{unchanged}{done and f'; {done}'}"


@dataclass(frozen=True)
class _Counts:
    rows: int
    empty: int
    changed: int
    texts: int
    stored: int


def embed(
    database: "Database",
    open_encoder: "Callable[[], Encoder]",
    *,
    table: "Table",
    staging_schema: str,
    limit: int | None = None,
    rebuild: bool = False,
    reindex: bool = False,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> EmbedResult:
    """Brings the vectors of `table` up to its staging view; `limit` counts texts. `rebuild` makes
    every vector anew, `reindex` the index that search walks.

    Raises NotFound when there is no such view, StageFailed when the stored vectors have another
    dimension or when staging is empty while vectors are there.
    """
    layout = Layout(table, staging_schema)
    encoder = open_encoder()
    _require_staging(database, layout)
    _prepare_table(database, layout, encoder.dimension)
    with _Work(database, layout, encoder, rebuild=rebuild, limit=limit) as work:
        index = VectorIndex(database, layout)
        counts = work.counts
        _guard_against_emptiness(counts, table)
        removed = work.remove()
        index.prepare(changed=counts.changed, stored=counts.stored, anew=reindex)
        texts = embedded = 0
        truncated = encoder.truncated
        on_progress(_progress(0, counts.texts))
        for done, rows in work.windows(stop):
            texts, embedded = texts + done, embedded + rows
            on_progress(_progress(texts, counts.texts))
        state = _LATER
        if not stop():
            is_empty = counts.stored + embedded == 0
            is_changed = embedded + removed > 0 or reindex
            state = index.complete(is_empty=is_empty, is_changed=is_changed)
        return EmbedResult(
            table=table.name,
            model=encoder.model,
            rows=counts.rows,
            empty=counts.empty,
            texts=texts,
            embedded=embedded,
            removed=removed,
            remaining=work.texts_at_all - texts,
            truncated=encoder.truncated - truncated,
            index=state,
        )


class _Work:
    """The temporary tables of one run: the texts to encode, and a window's vectors."""

    def __init__(
        self,
        database: "Database",
        layout: Layout,
        encoder: "Encoder",
        *,
        rebuild: bool,
        limit: int | None,
    ) -> None:
        self._database, self._layout, self._encoder = database, layout, encoder
        self._limit = _ALL if limit is None else limit
        self._rebuild = rebuild
        own = {name: database.own(name) for name in ("embed_source", "embed_vector")}
        self._own, self._names = own, {**layout.names, **own}

    def __enter__(self) -> "_Work":
        self._drop()
        work = self._database.named(
            "embeddings/work", **self._names, dimension=self._encoder.dimension
        )
        parameters = {"rule": TEXT_RULE, "model": self._encoder.model, "rebuild": self._rebuild}
        with self._database.transaction():
            self._database.execute(work, parameters)
        self.counts = self._count(self._limit)
        self.texts_at_all = self._count(_ALL).texts
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:  # else the connection may be gone, and the tables go with it
            self._drop()

    def remove(self) -> int:
        """Takes away the vectors of rows that are gone; how many."""
        return self._database.execute(self._database.named("embeddings/remove", **self._names))

    def windows(self, stop: Stop) -> Iterator[tuple[int, int]]:
        """Encodes and commits window by window: (texts, rows) of each."""
        after = 0
        while not stop() and (window := self._window(after)):
            numbers, texts = zip(*window, strict=True)
            rows = self._store(numbers, self._encoder.encode(texts))
            after = numbers[-1]
            yield len(texts), rows

    def _window(self, after: int) -> list[tuple[int, str]]:
        found = self._database.rows(
            self._database.named("embeddings/window", **self._own),
            {"after": after, "limit": self._limit, "size": WINDOW},
        )
        return [(number, text) for number, text in found]

    def _store(self, numbers: tuple[int, ...], vectors: "Floats") -> int:
        from bictl.clients.vectors import copy_body

        with self._database.transaction():
            self._database.copy_in(
                self._database.quoted(
                    "copy {embed_vector} (text_no, embedding) from stdin (format binary)",
                    **self._own,
                ),
                copy_body(numbers, vectors),
            )
            return self._database.execute(
                self._database.named("embeddings/upsert", **self._names),
                {"model": self._encoder.model},
            )

    def _count(self, limit: int) -> _Counts:
        query = self._database.named("embeddings/counts", **self._names)
        return _Counts(*self._database.rows(query, {"limit": limit})[0])

    def _drop(self) -> None:
        for name in self._own.values():
            self._database.execute(
                self._database.quoted("drop table if exists {table}", table=f"pg_temp.{name}")
            )


def _progress(done: int, total: int) -> Progress:
    return Progress(stage="embed", done=done, total=total, unit="texts")


def _require_staging(database: "Database", layout: Layout) -> None:
    if database.value("select to_regclass(%s)", [quoted(layout.staging)]) is None:
        raise NotFound("view", layout.staging, hint=f"bictl transform --table {layout.table.name}")


def _prepare_table(database: "Database", layout: Layout, dimension: int) -> None:
    """Creates or completes the table; `if not exists` alone would race, hence the lock."""
    with database.transaction():
        database.lock(f"bictl:embeddings:{layout.table.embeddings}")
        stored, missing = _columns(database, layout)
        if stored is not None and (lacking := [one for one in layout.table.id if one in missing]):
            raise StageFailed(
                f"{layout.table.embeddings} has no column {', '.join(lacking)}: its vectors are of "
                "another key",
                hint="give the new key a table of its own: "
                f"[tables.{layout.table.name}] embeddings",
            )
        if missing:  # only then: ALTER TABLE waits for every reader, and new readers wait for it
            database.execute(
                database.named("embeddings/table", **layout.names, dimension=dimension),
                {"columns": layout.columns, "id": list(layout.table.id)},
            )
            stored, _ = _columns(database, layout)
    if stored != dimension:
        raise StageFailed(
            f"{layout.table.embeddings} holds vectors of {stored} numbers, the model gives "
            f"{dimension}",
            hint=f"give the new model a table of its own: [tables.{layout.table.name}] embeddings",
        )


def _columns(database: "Database", layout: Layout) -> tuple[int | None, list[str]]:
    """The length of the stored vectors, and the columns that are not there yet."""
    columns = {"table": quoted(layout.table.embeddings), "columns": layout.columns}
    dimension, missing = database.rows(assets.sql("embeddings/columns"), columns)[0]
    return dimension, missing


def _guard_against_emptiness(counts: _Counts, table: "Table") -> None:
    if counts.rows == 0 and counts.stored and not table.expect_empty:
        raise StageFailed(
            f"staging holds no row of {table.name}, but {counted(counts.stored, 'vector', 'is')}"
            " stored: "
            "removing them all is probably not what is wanted",
            hint=f"bictl transform --table {table.name}; if the table is empty at its source, set "
            f"[tables.{table.name}] expect_empty = true",
        )
