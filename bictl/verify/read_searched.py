"""Asking the vectors as search does, each time within a savepoint that leaves no setting behind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.key_parts import each, identity
from bictl.search.query import WIDEST, WIDTH, plan_of
from bictl.verify.searched import APART, NEIGHBOURS, Encoded, Recall, Selves, Use

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.encoder import Encoder
    from bictl.settings import Table

RECALLED = 100  # vectors, each compared with all
NEWEST, OTHERS = 20, 80  # rows that have to find themselves
TEXTS = 128  # that are encoded once more: about a second
SAME = 1e-5  # a distance that is none
_AGAIN = 1e-6  # two ways to the same distance differ in the last bits


class _Undo(Exception):
    """Ends a savepoint."""


def read_use(
    database: "Database", table: "Table", staging_schema: str, indexes: Sequence[str]
) -> Use:
    """Postgres's plan for what search sends."""
    rows = int(database.value(database.named("verify/vector_count", embeddings=table.embeddings)))
    if not rows:
        return Use(rows=0, is_used=False, can_be_used=True)
    with _undone(database):
        is_used = _names(plan_of(database, table=table, staging_schema=staging_schema), indexes)
        database.execute("set local enable_seqscan = off")
        forced = _names(plan_of(database, table=table, staging_schema=staging_schema), indexes)
    return Use(rows=rows, is_used=is_used, can_be_used=forced)


def read_recall(database: "Database", table: "Table", seed: str) -> Recall:
    """The nearest vectors of a sample, by the index and by comparing all."""
    asked = {"seed": seed, "size": RECALLED, "nearest": NEIGHBOURS}
    with _asking(database, WIDTH):
        sample = database.rows(_named(database, "verify/vector_recall", table), asked)
    if not sample:
        return Recall(asked=0, wanted=0, found=0, seed=seed)
    nearest = _nearest(database, table, sample)
    found = [
        (min(len(true), sum(one <= true[-1] + _AGAIN for one in brought)), len(true), key)
        for (key, _, brought), true in zip(sample, nearest, strict=True)
    ]
    return Recall(
        asked=len(sample),
        wanted=sum(wanted for _, wanted, _ in found),
        found=sum(hits for hits, _, _ in found),
        seed=seed,
        worst=tuple(
            key
            for share, key in sorted((hits / wanted, key) for hits, wanted, key in found)[:5]
            if share < 1
        ),
    )


def _nearest(
    database: "Database", table: "Table", sample: Sequence[tuple[str, str, list[float]]]
) -> list[list[float]]:
    """The distances of the nearest of all vectors. What the index brings are vectors too: nothing
    farther than those can be among the nearest, where it brings enough."""
    reaches = [
        brought[-1] + _AGAIN if len(brought) == NEIGHBOURS else float("inf")
        for _, _, brought in sample
    ]
    parameters = {
        "vectors": [vector for _, vector, _ in sample],
        "reaches": reaches,
        "nearest": NEIGHBOURS,
    }
    rows = database.rows(_named(database, "verify/vector_exact", table), parameters)
    found = {int(number): [float(one) for one in distances] for number, distances in rows}
    return [found[number] for number in range(1, len(sample) + 1)]


def read_selves(database: "Database", table: "Table", seed: str) -> Selves:
    """Rows that are not among the nearest of their own vectors, unless as many others are equal."""
    query = _named(database, "verify/vector_selves", table)
    parameters = {
        "seed": seed,
        "newest": NEWEST,
        "others": OTHERS,
        "nearest": NEIGHBOURS,
        "same": SAME,
        "keys": None,
    }
    with _asking(database, WIDTH):
        found = database.rows(query, parameters)
    unseen = [key for key, is_found in found if not is_found]
    wide: list[tuple[str, bool]] = []
    if unseen:
        with _asking(database, WIDEST):
            wide = database.rows(query, {**parameters, "keys": unseen})
    return Selves(
        asked=len(found),
        seed=seed,
        lost=tuple(key for key, is_found in wide if not is_found),
        far=tuple(key for key, is_found in wide if is_found),
    )


def read_texts(
    database: "Database", table: "Table", staging: str, *, rule: str, model: str, seed: str
) -> list[tuple[str, str, str]]:
    """Key, text and stored vector of a sample, of vectors that this model made from just that text:
    of the others E2 and E3 speak."""
    query = database.named(
        "verify/vector_texts",
        staging=staging,
        embeddings=table.embeddings,
        id=identity("s.{name}::text", table.id),
        texts=each("s.{name}", table.embed),
        key=table.id,
        same=each("e.{name} = s.{name}", table.id, between=" and "),
    )
    parameters = {"rule": rule, "model": model, "seed": seed, "size": TEXTS}
    return [(key, text, vector) for key, text, vector in database.rows(query, parameters)]


def encode_again(
    encoder: "Encoder", found: Sequence[tuple[str, str, str]], *, seed: str
) -> Encoded:
    """The keys whose stored vector is not what the model makes of the text."""
    from bictl.clients.vectors import distances

    if not found:
        return Encoded(asked=0, seed=seed)
    keys, texts, stored = zip(*found, strict=True)
    apart = distances(encoder.encode(texts), stored)
    other = [key for key, far in zip(keys, apart, strict=True) if not far < APART]
    return Encoded(asked=len(found), seed=seed, other=tuple(other))


def read_extension(database: "Database") -> str | None:
    """pgvector's version; None where it is not installed."""
    found = database.value(assets.sql("verify/vector_extension"))
    return None if found is None else str(found)


def _named(database: "Database", name: str, table: "Table") -> Any:
    return database.named(name, embeddings=table.embeddings, id=identity("{name}::text", table.id))


@contextmanager
def _asking(database: "Database", width: int) -> Iterator[None]:
    """As search asks, and through the index however few the vectors are."""
    with _undone(database):
        database.rows(assets.sql("search/settings"), {"neighbours": width, "timeout": "0"})
        database.execute("set local enable_seqscan = off")
        yield


@contextmanager
def _undone(database: "Database") -> Iterator[None]:
    try:
        with database.transaction():
            yield
            raise _Undo
    except _Undo:
        return


def _names(plan: Any, indexes: Sequence[str]) -> bool:
    """Whether a plan, as Postgres's JSON, names one of the indexes."""
    if isinstance(plan, dict):
        return plan.get("Index Name") in indexes or any(_names(v, indexes) for v in plan.values())
    return isinstance(plan, list) and any(_names(item, indexes) for item in plan)
