"""Postgres's side of a trace: ledger, bronze, quarantine; a key's events, its row, its vector."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from bictl import assets
from bictl.clients.key_parts import SHOWN, described, each, functions, is_decoded, nothing
from bictl.clients.relations import columns, require, sized_columns
from bictl.errors import BictlError
from bictl.keys import in_words
from bictl.trace.event import Began, Event, Position, event_of
from bictl.trace.key import Key
from bictl.trace.payload import moment
from bictl.trace.report import Place

if TYPE_CHECKING:
    from bictl.clients.database import Database, Part
    from bictl.settings import Table

_T = TypeVar("_T")
_VECTOR_COLUMNS = ("content_hash", "model", "embedded_at")
_COLUMN = "{name}(b.kafka_key, b.cdc_payload, (%(key)s::text[])[{number}])"
_VALUE = "%(value_{number})s"
_QUARANTINED = 1000  # records of the quarantine that are looked through for a key


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What Postgres holds of one offset, each as the row's columns; `is_new` where nothing was ever
    loaded."""

    is_new: bool = False
    ledger: tuple[Mapping[str, Any], ...] = ()
    row: Mapping[str, Any] | None = None
    quarantined: Mapping[str, Any] | None = None
    conflicts: tuple[Mapping[str, Any], ...] = ()
    pruned: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A key's vector: `is_stale` when it is not that of its row's text."""

    model: str | None
    embedded_at: datetime | None
    is_stale: bool


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A key's row in staging; `is_empty` when it has no text, `digest` is what its vector's content
    hash should be."""

    row: Mapping[str, Any]
    is_empty: bool
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What Postgres holds of a key: its events in bronze and quarantine, the newest finished
    snapshot, its row in staging, its vector. An error stands for what could not be read."""

    events: tuple[Event, ...] = ()
    quarantined: tuple[Event, ...] = ()
    total: int = 0
    snapshots: tuple[Began, ...] = ()
    staged: "Staged | BictlError | None" = None
    vector: "Vector | BictlError | None" = None


class Warehouse:
    """Reads one table's rows; writes nothing."""

    def __init__(self, database: "Database", table: "Table", *, staging: str) -> None:
        self.database, self._table, self._staging = database, table, staging

    def open(self) -> None:
        """Connects; SchemaMismatch for tables of another version."""
        from bictl.bronze import check_version

        if not self.is_new:
            check_version(self.database)

    @cached_property
    def is_new(self) -> bool:
        """Whether nothing was ever loaded."""
        return not columns(self.database, "bictl.object_ledger") or not columns(
            self.database, self._table.bronze
        )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything in it is read at one moment."""
        with self.database.transaction(read_only=True, snapshot=True):
            yield

    def rows(self, place: Place) -> Rows:
        """What stands at one offset."""
        if self.is_new:
            return Rows(is_new=True)
        return Rows(
            ledger=tuple(self._at("trace/ledger", place)),
            row=_first(self._at("trace/row", place)),
            quarantined=_first(self._at("trace/quarantined", place)),
            conflicts=tuple(self._at("trace/conflicts", place)),
            pruned=_first(self._at("trace/pruned", place)) if self._has_pruned else None,
        )

    def standing(self, key: Key, *, most: int) -> Standing:
        """What stands of one key; at most so many events a partition."""
        ids, total = ([], 0) if self.is_new else self._found(key, most)
        shown = self._shown(key, ids)
        staged = self._tried(lambda: self._staged(shown))
        return Standing(
            events=self._events(ids),
            quarantined=() if self.is_new else self._quarantined(key),
            total=total,
            snapshots=() if self.is_new else self._snapshots(),
            staged=staged,
            vector=self._vector_of(shown, staged),
        )

    def _vector_of(
        self, key: Key, staged: "Staged | BictlError | None"
    ) -> "Vector | BictlError | None":
        """The vector of the key's row; of the key itself where no row is there."""
        if not self._table.embed:
            return None
        if isinstance(staged, Staged):
            found, digest = staged.row, staged.digest
            values = tuple(found[name] for name in self._table.id)
            return self._tried(lambda: self._vector(values, digest))
        return self._tried(lambda: self._vector(key.values, None))

    def generations(self) -> dict[str, int]:
        """Each generation's place in the order, as far as Postgres knows."""
        if self.is_new:
            return {}
        return dict(
            self.database.rows(
                "select generation, generation_no from bronze.cdc_generation"
                " where kafka_topic = %s order by generation_no",
                [self._table.topic],
            )
        )

    def near(self, key: Key, *, most: int = 6) -> list[str]:
        """Keys that exist, those nearest to one that does not first."""
        if self.is_new:
            return []
        bronze, types = self._table.bronze, self._table.key_types
        typed = key.typed(types)
        found: set[tuple[str, ...]] = set()
        if typed is not None:
            parts = _near_parts(types)
            query = self.database.named("trace/near_keys", bronze=bronze, **parts)
            found.update(self.database.rows(query, self._values(key, typed)))
        if typed is None or "text" in types:
            texts = functions(["text"] * len(types))
            there = each(f"{_COLUMN} is not null", texts, between=" and ")
            named = each(f"{_COLUMN} as key_{{number}}", texts)
            query = self.database.named("trace/some_keys", bronze=bronze, there=there, named=named)
            found.update(self.database.rows(query, self._values(key)))
        nearest = sorted(found, key=lambda one: (key.distance(one), one))
        return [in_words(key.columns, one) for one in nearest[:most]]

    @cached_property
    def _has_pruned(self) -> bool:
        return bool(columns(self.database, "bictl.pruned_range"))

    def _at(self, name: str, place: Place) -> list[dict[str, Any]]:
        return self.database.dicts(
            self.database.named(name, bronze=self._table.bronze),
            {
                "topic": self._table.topic,
                "generation": place.generation,
                "partition": place.partition,
                "offset": place.offset,
            },
        )

    @cached_property
    def _kinds(self) -> list[str]:
        """The types of the key's columns in staging."""
        there = sized_columns(self.database, self._staging)
        return [there.get(name, "text") for name in self._table.id]

    def _events(self, ids: list[int]) -> tuple[Event, ...]:
        if not ids:
            return ()
        query = self.database.named("trace/events", bronze=self._table.bronze)
        return tuple(map(_event, self.database.dicts(query, {"ids": ids})))

    def _shown(self, key: Key, ids: list[int]) -> Key:
        """The key as staging shows it, where that is not the bytes of Kafka's key."""
        if not ids or not is_decoded(self._kinds):
            return key
        query = self.database.quoted(
            "select {shown} from {bronze} b {described} where b.id = %(id)s",
            shown=each(SHOWN, key.columns),
            bronze=self._table.bronze,
            described=described(),
        )
        (values,) = self.database.rows(query, {**self._values(key), "id": ids[0]})
        return Key(key.columns, values)

    def _found(self, key: Key, most: int) -> tuple[list[int], int]:
        """Its rows, and how many: by the key's index; by texts where the index holds none of that
        type; by what staging shows of it where that is something else."""
        ids: list[int] = []
        total = 0
        types = self._table.key_types
        typed = key.typed(types)
        if typed is not None:
            ids, total = self._ids(key, types, typed, most)
        if not ids and (typed is None or not self._holds(key, types)):
            ids, total = self._ids(key, ["text"] * len(types), key.values, most)
        if not ids and is_decoded(self._kinds):
            same = each(f"{SHOWN} = {_VALUE}", key.columns, between=" and ")
            ids, total = self._rows(key, key.values, most, same=same, described=described())
        return ids, total

    def _ids(
        self, key: Key, types: Sequence[str], values: Sequence[int | str], most: int
    ) -> tuple[list[int], int]:
        same = each(f"{_COLUMN} = {_VALUE}", functions(types), between=" and ")
        return self._rows(key, values, most, same=same, described=nothing())

    def _rows(
        self, key: Key, values: Sequence[int | str], most: int, **parts: "Part"
    ) -> tuple[list[int], int]:
        rows = self.database.rows(
            self.database.named("trace/key_rows", bronze=self._table.bronze, **parts),
            {"topic": self._table.topic, "most": most, **self._values(key, values)},
        )
        return [found for found, _ in rows], rows[0][1] if rows else 0

    def _values(self, key: Key, values: Sequence[int | str] = ()) -> dict[str, Any]:
        """The parameters that _COLUMN, _VALUE and SHOWN name."""
        return {
            "key": list(key.columns),
            "kinds": self._kinds,
            **{f"value_{number}": value for number, value in enumerate(values, 1)},
        }

    def _holds(self, key: Key, types: Sequence[str]) -> bool:
        """Whether the key's index holds anything: then a key that it lacks is not there."""
        query = self.database.quoted(
            "select 1 from {bronze} b where {there} limit 1",
            bronze=self._table.bronze,
            there=each(f"{_COLUMN} is not null", functions(types), between=" and "),
        )
        return self.database.value(query, self._values(key)) is not None

    def _quarantined(self, key: Key) -> tuple[Event, ...]:
        rows = self.database.dicts(
            assets.sql("trace/quarantined_key"),
            {"topic": self._table.topic, "needle": key.needle, "most": _QUARANTINED},
        )
        records = ((row, _Kept(row)) for row in rows)
        return tuple(
            event_of(
                record,
                place=Place(row["generation"], row["kafka_partition"], row["kafka_offset"]),
                generation_no=row["generation_no"],
                where="quarantine",
            )
            for row, record in records
            if key.matches(record.key, record.value)
        )

    def _snapshots(self) -> tuple[Began, ...]:
        rows = self.database.dicts(
            self.database.named("trace/snapshot", bronze=self._table.bronze),
            {"topic": self._table.topic},
        )
        return tuple(Began(**row) for row in rows)

    def _staged(self, key: Key) -> Staged | None:
        """The row that staging shows of the key; Missing where there is no such view."""
        from bictl.embeddings.layout import TEXT_RULE

        table = self._table
        require(self.database, self._staging, (*table.id, *table.embed))
        query = self.database.named(
            "trace/staged",
            staging=self._staging,
            texts=table.embed or None,
            keys=table.id,
        )
        row = _first(self.database.dicts(query, {"values": key.values, "rule": TEXT_RULE}))
        if row is None:
            return None
        is_empty, digest = row.pop("bictl:is_empty"), bytes(row.pop("bictl:hash"))
        return Staged(row=row, is_empty=is_empty, digest=digest)

    def _vector(self, values: tuple[Any, ...], digest: bytes | None) -> Vector | None:
        """The vector of the row of that key; Missing where nothing was ever embedded."""
        table = self._table
        require(self.database, table.embeddings, (*table.id, *_VECTOR_COLUMNS))
        query = self.database.named("trace/vector", id=table.id, table=table.embeddings)
        row = _first(self.database.dicts(query, {"id": values, "hash": digest}))
        return None if row is None else Vector(**row)

    def _tried(self, read: Callable[[], _T]) -> _T | BictlError | None:
        """What could be read, else the error; a key that no such column can hold is not there."""
        try:
            with self.database.transaction():
                return read()
        except BictlError as error:
            return None if self.database.refusal(error) is not None else error


def _near_parts(types: Sequence[str]) -> dict[str, Any]:
    """The parts of trace/near_keys."""
    columns = functions(types)
    return {
        "key": each(_COLUMN, columns),
        "falling": each(f"{_COLUMN} desc", columns),
        "named": each(f"{_COLUMN} as key_{{number}}", columns),
        "wanted": each(_VALUE, columns),
        "above": each("above.key_{number}", columns),
        "below": each("below.key_{number}", columns),
        "texts": each("key_{number}::text", columns),
    }


class _Kept:
    """A row of the quarantine as a record."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.offset: int = row["kafka_offset"]
        self.timestamp = int(row["kafka_timestamp"].timestamp() * 1000)
        self.key, self.value = _bytes(row["raw_key"]), _bytes(row["raw_value"])


def kept_bytes(row: Mapping[str, Any]) -> tuple[bytes | None, bytes | None]:
    """Key and value of a row of bronze, or of the quarantine."""
    if "raw_key" in row:
        return _bytes(row["raw_key"]), _bytes(row["raw_value"])
    return _encoded(row["key"]), _encoded(row["payload"])


def _event(row: Mapping[str, Any]) -> Event:
    return Event(
        place=Place(row["generation"], row["kafka_partition"], row["kafka_offset"]),
        generation_no=row["generation_no"],
        timestamp=row["kafka_timestamp"],
        op=row["op"],
        source_at=moment(row["source_ms"]),
        position=Position(
            commit_lsn=row["commit_lsn"], change_lsn=row["change_lsn"], lsn=row["lsn"]
        ),
        snapshot=row["snapshot"],
        where="bronze",
        source_table=row["source_table"],
        loaded_at=row["ingested_at"],
    )


def _first(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return rows[0] if rows else None


def _bytes(found: Any) -> bytes | None:
    return None if found is None else bytes(found)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
