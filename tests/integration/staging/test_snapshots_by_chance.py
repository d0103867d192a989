"""Random histories of a table with several snapshots: what staging shows, and what verify's fold
gives, is the table as it is, whatever the connector went through.

The source is simulated: a table, its log's positions, and a connector that writes what Debezium
2.4 writes: `first` on a snapshot's first record, `last` on its last, only `last` where it is both;
a snapshot that is interrupted begins anew; what was changed in a transaction that was open while
the snapshot was taken comes behind it, for Postgres with the older position of its writing. A
partition's clock may be off by less than what a snapshot takes: with LogAppendTime each leader has
its own.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import psycopg2
import pytest
from hypothesis import assume, example, given, seed
from hypothesis import strategies as st
from psycopg2.extras import execute_values

from bictl.settings import Postgres
from bictl.verify import read_rows

BRONZE = "bronze.product_cdc"
MODEL = """{{ cdc_table(
    bronze=source('bronze', 'product_cdc'),
    key=['ID'],
    columns=[('ID', 'int', 'product_id'), ('Name', 'nvarchar', 'name')]
) }}"""
_INSERT = f"""insert into {BRONZE} (kafka_topic, generation, kafka_partition, kafka_offset,
    kafka_timestamp, kafka_key, cdc_payload, batch_file) values %s"""
_QUARANTINE = """insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition,
    kafka_offset, kafka_timestamp, sqlstate, reason, batch_file) values %s"""
_LEDGER = """insert into bictl.object_ledger (kafka_topic, generation, kafka_partition,
    first_offset, min_timestamp, next_offset, max_timestamp, object_key, sha256, etag, size,
    n_records, n_tombstones, n_loaded, n_quarantined, n_duplicate, ingest_run, load_run)
    values %s"""
START = datetime(2026, 1, 1, tzinfo=UTC)
SKEW = 50  # milliseconds by which two partitions' clocks differ at most

keys = st.integers(1, 6)
changes = st.lists(st.tuples(st.sampled_from(["put", "delete"]), keys), max_size=2)
histories = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["put", "delete", "open", "lost put", "lost delete"]), keys),
        st.tuples(st.sampled_from(["commit", "incremental", "recreated", "restored"])),
        st.tuples(st.just("unfinished"), st.integers(1, 5)),
        st.tuples(st.just("snapshot"), changes),
    ),
    min_size=3,
    max_size=25,
)


@dataclass
class Source:
    """The table, its connector, and what that one has written to the topic."""

    kind: str  # sqlserver or postgres
    partitions: int
    rows: dict[int, str] = field(default_factory=dict)
    open: dict[int, tuple[str, int]] = field(default_factory=dict)  # key → name, position
    written: list[tuple] = field(default_factory=list)
    lsn: int = 5000
    generation: int = 0
    is_behind: bool = False  # whether changes were lost since the last snapshot
    names: int = 0
    skews: tuple[int, ...] = (0, 0, 0)  # of each partition's clock, in milliseconds
    clock: int = 0

    def run(self, history: list[tuple]) -> None:
        for verb, *what in history:
            getattr(self, f"_{verb.replace(' ', '_')}")(*what)
        self._commit()
        if self.is_behind:
            self._put(1)
            self._put(2)
            self._snapshot([])

    def _put(self, key: int) -> None:
        if key not in self.open:
            op = "u" if key in self.rows else "c"
            self.rows[key] = self._name()
            self._write(op, key, self._move())

    def _delete(self, key: int) -> None:
        if key in self.rows and key not in self.open:
            del self.rows[key]
            self._write("d", key, self._move())
            self._write(None, key, 0)

    def _open(self, key: int) -> None:
        """A transaction that is not committed yet."""
        self.open.setdefault(key, (self._name(), self._move()))

    def _commit(self) -> None:
        for key, (name, lsn) in self.open.items():
            op = "u" if key in self.rows else "c"
            self.rows[key] = name
            self._write(op, key, lsn if self.kind == "postgres" else self._move())
        self.open = {}

    def _lost_put(self, key: int) -> None:
        """A change while the connector is away that it will never see."""
        if key not in self.open:
            self.rows[key] = self._name()
            self._move()
            self.is_behind = True

    def _lost_delete(self, key: int) -> None:
        if key in self.rows and key not in self.open:
            del self.rows[key]
            self._move()
            self.is_behind = True

    def _incremental(self) -> None:
        for key in list(self.rows):
            self._write("r", key, self.lsn, snapshot="incremental")

    def _recreated(self) -> None:
        self.generation += 1

    def _restored(self) -> None:
        """The database is another one now, which counts from a lower position on."""
        self.lsn -= 1000
        self.open = {}
        self.is_behind = True

    def _unfinished(self, read: int) -> None:
        """A snapshot that ends behind so many rows, and before the last one."""
        self._wait()
        for mark, key, name in marked(self.rows)[: min(read, len(self.rows) - 1)]:
            self._write("r", key, self.lsn, snapshot=mark, name=name)

    def _snapshot(self, meanwhile: list[tuple]) -> None:
        """A snapshot to its end; what was changed meanwhile is streamed behind it."""
        if len(self.rows) <= (self.partitions > 1):  # nothing, or nothing that tells it
            return
        found, position = marked(self.rows), self.lsn
        before, self.written = self.written, []
        for verb, key in meanwhile:
            getattr(self, f"_{verb}")(key)
        streamed, self.written = self.written, before
        self._wait()
        for mark, key, name in found:
            if mark == "last":
                self._wait()
            self._write("r", key, position, snapshot=mark, name=name)
        self._wait()
        self.written += [(self._tick(), *change) for _, *change in streamed]
        self.is_behind = False

    def _wait(self) -> None:
        self.clock += 2 * SKEW

    def _tick(self) -> int:
        self.clock += 1
        return self.clock

    def _name(self) -> str:
        self.names += 1
        return f"name {self.names}"

    def _move(self) -> int:
        self.lsn += 1
        return self.lsn

    def _write(
        self, op: str | None, key: int, lsn: int, *, snapshot: str = "false", name: str = ""
    ) -> None:
        row = {"ID": key, "Name": name or self.rows.get(key)}
        source = {"db": "C", "schema": "dbo", "table": "P", "snapshot": snapshot, "ts_ms": lsn}
        if self.kind == "postgres":
            source["lsn"] = lsn
        else:
            source["commit_lsn"] = f"{lsn:08x}"
            source["change_lsn"] = None if op == "r" else f"{lsn:08x}"
        value = {
            "op": op,
            "source": source,
            "before": row if op == "d" else None,
            "after": None if op == "d" else row,
        }
        change = None if op is None else value
        self.written.append((self._tick(), self.generation, key, change))

    def table(self) -> list[tuple]:
        """What was written, as rows of bronze; a partition's offsets count from 0."""
        ends: Counter[tuple[int, int]] = Counter()
        rows = []
        for clock, generation, key, value in self.written:
            place = generation, key % self.partitions
            at = START + timedelta(milliseconds=clock + self.skews[place[1]])
            texts = [None if item is None else json.dumps(item) for item in ({"ID": key}, value)]
            rows.append(("t", f"g{generation}", place[1], ends[place], at, *texts, "x"))
            ends[place] += 1
        return rows


def marked(rows: dict[int, str]) -> list[tuple[str, int, str]]:
    """The rows of a snapshot in the table's order, each with its mark."""
    last = len(rows) - 1
    return [
        ("last" if number == last else "first" if number == 0 else "true", key, name)
        for number, (key, name) in enumerate(rows.items())
    ]


@dataclass
class Readers:
    """The model's view and verify's fold over one bronze table, filled anew for each history."""

    cursor: Any

    def read(self, rows: list[tuple], quarantined: set[int]) -> tuple[dict, dict]:
        """What each of the two says is in the table, by key."""
        self.cursor.execute(
            f"delete from {BRONZE}; delete from bronze.cdc_quarantine;"
            " delete from bictl.object_ledger"
        )
        kept = [row for number, row in enumerate(rows) if number not in quarantined]
        gone = [row for number, row in enumerate(rows) if number in quarantined]
        execute_values(self.cursor, _INSERT, kept)
        if gone:
            execute_values(self.cursor, _QUARANTINE, [(*row[:5], "22P05", "", "x") for row in gone])
        return self._answer("model"), self._answer("fold")

    def read_loaded(self, rows: list[tuple]) -> tuple[dict, dict]:
        """The same, each record in an object of its own that was loaded."""
        self.read(rows, set())
        return self._again([(*row[:5], row[3] + 1, row[4], str(row[1:4])) for row in rows])

    def _again(self, objects: list[tuple]) -> tuple[dict, dict]:
        tail = ("", "", 1, 1, 0, 1, 0, 0, "", "")
        execute_values(self.cursor, _LEDGER, [(*one, *tail) for one in objects])
        return self._answer("model"), self._answer("fold")

    def _answer(self, name: str) -> dict:
        self.cursor.execute(f"execute {name}")
        return dict(self.cursor.fetchall())


@pytest.fixture
def readers(view_of, settings) -> Iterator[Readers]:
    staging = view_of("two_columns", MODEL)
    database = staging.clients.database
    table = settings.table("product")
    fold = read_rows.fold(database, table) + database.quoted(
        " select n.key::int, b.cdc_payload -> 'after' ->> 'Name'"
        " from newest n join {bronze} b on b.id = n.record_id where not gone and not closed",
        bronze=BRONZE,
    )
    with closing(connect(settings.postgres)) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into bronze.cdc_generation values ('t', %s, %s)",
            [(f"g{number}", number) for number in range(26)],
        )
        cursor.execute(f"prepare model as select product_id, name from {staging.view}")
        text = cursor.mogrify(
            fold.as_string(connection), {**read_rows.fold_parameters(table), "topic": "t"}
        )
        cursor.execute(b"prepare fold as " + text)
        yield Readers(cursor)


def connect(postgres: Postgres) -> Any:
    return psycopg2.connect(
        host=postgres.host,
        port=postgres.port,
        dbname=postgres.dbname,
        user=postgres.user,
        password=postgres.password.reveal(),
    )


def test_staging_and_fold_are_the_table_whatever_its_snapshots_went_through(readers):
    seen = Counter()

    @seed(20261123)
    @hypothesis.settings(max_examples=300, database=None)
    @given(
        history=histories,
        kind=st.sampled_from(["sqlserver", "postgres"]),
        partitions=st.integers(1, 3),
        skews=st.tuples(*[st.integers(0, SKEW)] * 3),
    )
    @example(  # a transaction that was open while the snapshot was taken
        [("put", 1), ("put", 2), ("open", 3), ("lost delete", 1), ("snapshot", []), ("commit",)],
        "postgres",
        1,
        (0, 0, 0),
    )
    @example(  # a database restored elsewhere counts from a lower position on
        [("put", 1), ("put", 2), ("restored",), ("lost delete", 1), ("snapshot", [])],
        "sqlserver",
        1,
        (0, 0, 0),
    )
    @example(  # the clock of the other partition is behind that of the snapshot's first record
        [("put", 1), ("put", 2), ("put", 3), ("snapshot", [])],
        "sqlserver",
        2,
        (0, SKEW, 0),
    )
    def check(history, kind, partitions, skews):
        source = Source(kind, partitions, skews=skews)
        source.run(history)
        rows = source.table()
        assume(rows)
        shown, folded = readers.read(rows, set())
        assert shown == source.rows
        assert folded == source.rows
        seen["histories"] += 1
        seen["second snapshots"] += sum(row[0] == "snapshot" for row in history) > 1

    check()
    assert seen["histories"] > 250
    assert seen["second snapshots"] > 50


def test_staging_and_fold_agree_where_records_are_in_quarantine(readers):
    @seed(20261123)
    @hypothesis.settings(max_examples=150, database=None)
    @given(
        history=histories,
        kind=st.sampled_from(["sqlserver", "postgres"]),
        partitions=st.integers(1, 3),
        quarantined=st.sets(st.integers(0, 30), min_size=1, max_size=3),
    )
    def check(history, kind, partitions, quarantined):
        source = Source(kind, partitions)
        source.run(history)
        rows = source.table()
        assume(len(rows) > len(quarantined))
        shown, folded = readers.read(rows, quarantined)
        assert shown == folded

    check()


def test_what_is_not_loaded_hides_no_key(readers):
    """A hole may hold any key of the snapshot around it: that one closes nothing then."""
    seen = Counter()

    @seed(20261123)
    @hypothesis.settings(max_examples=150, database=None)
    @given(
        history=histories,
        kind=st.sampled_from(["sqlserver", "postgres"]),
        partitions=st.integers(1, 3),
        holes=st.sets(st.integers(0, 30), min_size=1, max_size=3),
    )
    def check(history, kind, partitions, holes):
        source = Source(kind, partitions)
        source.run(history)
        rows = source.table()
        ends = {row[1:3]: row[3] for row in rows}
        # behind a partition's last object nobody knows of anything
        loaded = [
            row
            for number, row in enumerate(rows)
            if number not in holes or row[3] == ends[row[1:3]]
        ]
        assume(0 < len(loaded) < len(rows))
        shown, folded = readers.read_loaded(loaded)
        assert shown == folded
        newest = {json.loads(row[5])["ID"]: row[6] for row in loaded}
        there = {key for key, value in newest.items() if value and json.loads(value)["op"] != "d"}
        assert set(source.rows) & there <= set(shown)
        seen["closed"] += bool(there - set(shown))

    check()
    assert seen["closed"]  # snapshots with holes elsewhere still close
