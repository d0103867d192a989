"""search: the encoder wakes up while Postgres is asked what there is; then two statements.

The first ranks keys by what stands beside the vectors, the second takes their rows from staging as
they are now. A condition is first put to the best candidates: where enough of them meet it, they
are the answer. Only where it is rarer is every row that it names compared, which is exact.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.key_parts import each
from bictl.clients.relations import quoted
from bictl.errors import NotFound, StageFailed
from bictl.search.asked import LIMIT, MODES, Asked, check
from bictl.search.grammar import Condition, parse
from bictl.search.vector import Awakening

if TYPE_CHECKING:
    from bictl.clients.database import Database, Part
    from bictl.clients.encoder import Encoder
    from bictl.settings import Table

__all__ = ["LIMIT", "MODES", "Hit", "SearchResult", "search"]

TIMEOUT = 15.0  # seconds for one statement
_SPARE = 50  # candidates beyond the wanted hits: some are of deleted rows
WIDTH = 200  # hnsw.ef_search, and the candidates that a condition is put to first
WIDEST = 1_000  # ef_search takes no more
_EVERY_ROW = Condition("true")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One row: `id` is its key, a tuple where that has several columns; `sources` say in which
    lists it stood (code, words, meaning), `words` which words of the query it holds, `similarity`
    is the cosine (None without a vector), `row` staging's row."""

    rank: int
    id: Any
    score: float
    similarity: float | None
    sources: tuple[str, ...]
    words: tuple[str, ...]
    row: Mapping[str, Any]

    @property
    def why(self) -> str:
        """Why the row was found, for a person."""
        said = []
        if "code" in self.sources:
            said.append("exact code")
        if self.words:
            said.append(f"words: {', '.join(self.words)}")
        if "meaning" in self.sources and self.similarity is not None:
            said.append(f"meaning {self.similarity:.2f}")
        return "; ".join(said) or "words"


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The hits, best first. `exact`: every row that the condition names was compared."""

    table: str
    query: str
    mode: str
    columns: tuple[str, ...]
    hits: tuple[Hit, ...]
    exact: bool


def search(
    database: "Database",
    open_encoder: "Callable[[], Encoder]",
    *,
    table: "Table",
    staging_schema: str,
    query: str,
    mode: str = "hybrid",
    where: str | None = None,
    active: bool | None = None,
    limit: int = 10,
    timeout: float = TIMEOUT,
) -> SearchResult:
    """The rows of `table` that answer `query`.

    `where` is a condition (grammar.py), `active` one on the column is_active. Raises UsageError for
    a bad query or condition, NotFound for a column or view that is not there, StageFailed when no
    vectors are stored or when another model made them, TimedOut when a statement takes longer than
    `timeout` seconds.
    """
    asked = check(query, mode=mode, limit=limit)
    awakening = Awakening(open_encoder, asked.text) if asked.by_meaning else None
    with database.transaction(read_only=True):
        neighbours = WIDEST if limit > 100 else WIDTH
        limits = {"neighbours": neighbours, "timeout": f"{max(1, round(timeout * 1000))}ms"}
        database.rows(assets.sql("search/settings"), limits)
        place = _Place(database, table, staging_schema)
        condition = place.condition(where, active)
        model = place.model()
        vector = None if awakening is None else awakening.vector(made_by=model, table=table)
        hits, exact = _Ask(place, asked, condition, vector).hits()
    return SearchResult(
        table=table.name,
        query=asked.text,
        mode=asked.mode,
        columns=tuple(place.types),
        hits=tuple(hits),
        exact=exact,
    )


def plan_of(database: "Database", *, table: "Table", staging_schema: str, limit: int = 10) -> Any:
    """Postgres's plan, in its JSON, for the very statement that a search without a condition sends.
    The caller's transaction keeps the settings of a search. StageFailed without any vector."""
    place = _Place(database, table, staging_schema)
    place.model()
    vector = database.value(place.quoted(assets.sql("search/some_vector"), _EVERY_ROW))
    limits = {"neighbours": WIDTH, "timeout": f"{round(TIMEOUT * 1000)}ms"}
    database.rows(assets.sql("search/settings"), limits)
    ask = _Ask(place, check("words", mode="hybrid", limit=limit), None, vector)
    statement, parameters = ask.statement(limit + _SPARE)
    return database.value(database.quoted("explain (format json) {it}", it=statement), parameters)


class _Place:
    """Where one table's rows and vectors are, and which columns the rows have."""

    def __init__(self, database: "Database", table: "Table", staging_schema: str) -> None:
        self.database, self.table = database, table
        self.staging = f"{staging_schema}.{table.staging}"
        names = {"staging": quoted(self.staging), "table": quoted(table.embeddings)}
        found = database.rows(assets.sql("search/columns"), names)
        self.types = {name: kind for is_staging, name, kind in found if is_staging}
        self._stored = {name for is_staging, name, _ in found if not is_staging}
        if not self.types:
            raise NotFound("view", self.staging, hint=f"bictl transform --table {table.name}")

    def quoted(self, text: str, condition: Condition) -> Any:
        """The text of a statement with this table's names and the condition's columns in it."""
        return self.database.quoted(
            text,
            table=self.table.embeddings,
            staging=self.staging,
            **_key_parts(self.table.id),
            **condition.columns,
        )

    def condition(self, where: str | None, active: bool | None) -> Condition | None:
        """What the hits have to meet, or None."""
        parts = [f"({where})"] if where is not None else []
        if active is not None:
            parts.append("is_active" if active else "not is_active")
        if not parts:
            return None
        if where is not None:
            parse(
                where, self.types, where=f"in {self.staging}"
            )  # names places without our brackets
        return parse(" and ".join(parts), self.types, where=f"in {self.staging}")

    def model(self) -> str:
        """The model that made the stored vectors."""
        found = None
        if {"model", "tsv", "code_norm", "embedding"} <= self._stored:
            found = self.database.value(self.quoted(assets.sql("search/model"), _EVERY_ROW))
        if found is None:
            raise StageFailed(
                f"{self.table.embeddings} holds no vectors that search can use",
                hint=f"bictl embed --table {self.table.name}",
            )
        return str(found)


class _Ask:
    """The statements of one search, inside its transaction."""

    def __init__(
        self, place: _Place, asked: Asked, condition: Condition | None, vector: str | None
    ) -> None:
        self._place, self._asked, self._vector = place, asked, vector
        self._condition = condition

    def hits(self) -> tuple[list[Hit], bool]:
        """The hits, and whether they are exact."""
        wanted = self._asked.limit
        depth = wanted + _SPARE if self._condition is None else max(WIDTH, 2 * wanted)
        candidates = self._candidates(depth)
        hits = self._rows(candidates, self._condition or _EVERY_ROW)
        if len(hits) == wanted or len(candidates) < depth:
            return hits, False
        every = self._condition or _EVERY_ROW  # or too many of the nearest are deleted
        return self._rows(self._candidates(wanted, every), every), True

    def _candidates(self, depth: int, condition: Condition | None = None) -> "list[_Candidate]":
        """The best keys, best first; under a condition exact."""
        found = self._place.database.rows(*self.statement(depth, condition))
        width = len(self._place.table.id)
        return [_Candidate(row[:width], *row[width:]) for row in found]

    def statement(
        self, depth: int, condition: Condition | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """What asks for the best keys, with its parameters."""
        matching, among, exactly = "", "", ""
        if condition is not None:
            matching = assets.sql("search/matching").replace("{condition}", condition.sql)
            among, exactly = "and ({stored}) in (select {places} from matching)", "0 +"
        text = assets.sql("search/candidates")
        for name, part in (("matching", matching), ("among", among), ("exactly", exactly)):
            text = text.replace(f"{{{name}}}", part)
        asked = self._asked
        parameters = {
            "vector": self._vector,
            "text": asked.text,
            "words": asked.words,
            "codes": asked.codes,
            "by_meaning": asked.by_meaning,
            "by_words": asked.by_words,
            "depth": depth,
            **(condition.values if condition else {}),
        }
        return self._place.quoted(text, condition or _EVERY_ROW), parameters

    def _rows(self, candidates: "Sequence[_Candidate]", condition: Condition) -> list[Hit]:
        """The candidates that staging still has and that meet the condition, as many as wanted."""
        if not candidates:
            return []
        text = assets.sql("search/rows").replace("{condition}", condition.sql)
        found = self._place.database.dicts(
            self._place.quoted(text, condition),
            {"ids": tuple(candidate.key for candidate in candidates), **condition.values},
        )
        names = self._place.table.id
        rows = {tuple(row[name] for name in names): row for row in found}
        here = [candidate for candidate in candidates if candidate.key in rows]
        return [
            candidate.hit(rank, rows[candidate.key])
            for rank, candidate in enumerate(here[: self._asked.limit], start=1)
        ]


@dataclass(frozen=True)
class _Candidate:
    """A key with what ranked it."""

    key: tuple[Any, ...]
    score: float
    similarity: float | None
    sources: list[str]
    words: list[str]

    def hit(self, rank: int, row: Mapping[str, Any]) -> Hit:
        """With the row that staging has of it."""
        return Hit(
            rank=rank,
            id=self.key[0] if len(self.key) == 1 else self.key,
            score=self.score,
            similarity=self.similarity,
            sources=tuple(sorted(self.sources)),
            words=tuple(self.words),
            row=row,
        )


def _key_parts(names: Sequence[str]) -> "dict[str, Part]":
    """A key's columns in the table of vectors and in staging, and id_1, id_2 … between the two."""
    return {
        "id": each("s.{name}", names),
        "stored": each("e.{name}", names),
        "columns": each("e.{name} as id_{number}", names),
        "of_staging": each("s.{name} as id_{number}", names),
        "places": each("id_{number}", names),
        "of_found": each("f.id_{number}", names),
        "same": each("e.{name} = f.id_{number}", names, between=" and "),
    }
