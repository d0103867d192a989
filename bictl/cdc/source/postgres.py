"""A Postgres that Debezium captures: its table, its publication, its replication slot, its keys.

https://debezium.io/documentation/reference/2.4/connectors/postgresql.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bictl import assets
from bictl.cdc.source.judge import Answer
from bictl.clients.key_parts import identity

if TYPE_CHECKING:
    from bictl.cdc.source.catalogue import Place
    from bictl.cdc.source.sides import Buckets
    from bictl.clients.connect import ConnectWorker
    from bictl.clients.database import Database, Statement

_AS_EVENTS = ("smallint", "integer", "bigint", "text", "character varying", "uuid")
_SNAPSHOT = "a new snapshot closes the gap: bictl cdc snapshot --table {table} --blocking"


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A replication slot; `confirmed` is how far its reader is, as a number."""

    active: bool
    wal_status: str
    confirmed: int | None


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What the connector says of its slot and publication; None where no connector is known.
    `committed` asks for the LSN that it stored last."""

    slot: str | None = None
    publication: str | None = None
    committed: Callable[[], int | None] = lambda: None


class PostgresSource:
    """One table of it; `name` is the configured table's, `reader` asks the worker about its
    connector when that is first needed."""

    def __init__(
        self,
        database: "Database",
        place: "Place",
        *,
        key: Sequence[str],
        name: str,
        reader: Callable[[], Reader],
    ) -> None:
        self._database, self._place, self._ask_reader = database, place, reader
        self._key, self._name = tuple(key), name

    def close(self) -> None:
        """Closes the connection."""
        self._database.close()

    def reached(self) -> Answer:
        """S1: the server answers, and its log tells what changes."""
        [(version, database, level, standby)] = self._database.rows(assets.sql("source/server"))
        words = f"Postgres {version} at {self._database.address}, database {database}"
        if level != "logical" and not standby:
            return Answer(
                check="server",
                state="fail",
                message=f"{words}: wal_level is {level}, so no change can be captured",
                repair="alter system set wal_level = 'logical', then restart the server",
            )
        return Answer(check="server", state="ok", message=words)

    def capturing(self) -> Answer:
        """S2: the connector's publication carries the table's changes, and they name their rows."""
        rows = self._database.rows(assets.sql("source/table"), self._names)
        if not rows:
            return _fail("table", f"there is no table {self._place}", "correct the table's topic")
        [(names_rows, publications)] = rows
        return publication(
            self._place, publications, wanted=self._reader.publication, names_rows=names_rows
        )

    def running(self) -> Answer:
        """S3: somebody reads the connector's slot."""
        if self._reader.slot is None:
            return Answer(check="slot", state="skipped", message="no connector tells its slot")
        return slot_read(self._reader.slot, self._slot())

    def kept(self) -> Answer:
        """S4: the slot is asked before the connector, which goes on meanwhile."""
        if self._reader.slot is None:
            return Answer(check="unread", state="skipped", message="no connector tells its slot")
        slot = self._slot()
        committed = self._reader.committed()
        return unread(self._reader.slot, slot, committed, table=self._name)

    def answers(self) -> tuple[Answer, ...]:
        """All of them; what stands behind a server that is not right is not asked."""
        first = self.reached()
        if first.state == "fail":
            return (first,)
        return (first, self.capturing(), self.running(), self.kept())

    def uncomparable(self) -> str:
        """The key's columns whose events hold another text."""
        types = dict(self._database.rows(assets.sql("source/columns"), self._names))
        return ", ".join(
            f"{name} ({types.get(name, 'not there')})"
            for name in self._key
            if types.get(name) not in _AS_EVENTS
        )

    def buckets(self) -> "Buckets":
        """Every key of the table, by buckets."""
        rows = self._database.rows(self._query("source/buckets"))
        return {bucket: (int(count), int(total)) for bucket, count, total in rows}

    def keys(self, buckets: Sequence[int]) -> list[str]:
        """The keys of some buckets."""
        rows = self._database.rows(self._query("source/keys"), {"buckets": list(buckets)})
        return [key for (key,) in rows]

    @cached_property
    def _reader(self) -> Reader:
        return self._ask_reader()

    @property
    def _names(self) -> dict[str, str]:
        return {"schema": self._place.schema, "table": self._place.table}

    def _query(self, name: str) -> "Statement":
        key = identity("{name}::text", self._key)
        return self._database.named(name, key=key, table=str(self._place))

    def _slot(self) -> Slot | None:
        rows = self._database.rows(assets.sql("source/slot"), [self._reader.slot])
        if not rows:
            return None
        [(active, status, confirmed)] = rows
        return Slot(
            active=active,
            wal_status=status or "",
            confirmed=None if confirmed is None else int(confirmed),
        )


def reader_of(worker: "ConnectWorker | None", *, topic: str) -> Reader:
    """What the worker's connector of the topic says; nothing where there is none, or no worker."""
    from bictl.cdc.nulls import writers

    writing = writers(worker, topic=topic) if worker is not None else []
    if not writing or worker is None:
        return Reader()
    first = writing[0]
    return Reader(
        slot=first.config.get("slot.name", "debezium"),
        publication=first.config.get("publication.name", "dbz_publication"),
        committed=lambda: _committed(worker, first.name),
    )


def _committed(worker: "ConnectWorker", name: str) -> int | None:
    """The LSN behind which everything was read, by the offsets that the worker keeps."""
    stored = [offset.offset.get("lsn") for offset in worker.offsets(name)]
    return max((lsn for lsn in stored if isinstance(lsn, int)), default=None)


def publication(
    place: "Place", found: Sequence[str], *, wanted: str | None, names_rows: bool
) -> Answer:
    """The table is in the publication that is read, or in any where nobody says which."""
    if not found if wanted is None else wanted not in found:
        which = f"the publication {wanted}" if wanted else "any publication"
        return _fail(
            "table",
            f"the changes of {place} are not in {which}",
            f"alter publication {wanted or '…'} add table {place}; then"
            " bictl cdc snapshot for what changed meanwhile",
        )
    if not names_rows:
        return _fail(
            "table",
            f"{place} has no key by which a change names its row",
            f"alter table {place} replica identity full",
        )
    return Answer(check="table", state="ok", message=f"the changes of {place} are captured")


def slot_read(name: str, slot: Slot | None) -> Answer:
    """A slot that nobody reads may be a connector's that starts, so it is a warning."""
    if slot is None:
        return _fail("slot", f"there is no replication slot {name}", "bictl cdc status")
    if not slot.active:
        return Answer(
            check="slot",
            state="warn",
            message=f"nobody reads the replication slot {name}: nothing is captured now",
            repair="bictl cdc status",
        )
    return Answer(check="slot", state="ok", message=f"the replication slot {name} is read")


def unread(name: str, slot: Slot | None, committed: int | None, *, table: str) -> Answer:
    """Nothing was skipped between what the connector stored and where its slot goes on."""
    if committed is None:
        return Answer(check="unread", state="skipped", message="the connector stored nothing yet")
    if slot is None:
        return _lost(
            f"there is no slot {name} that keeps what comes after {_lsn(committed)}", table
        )
    if slot.wal_status == "lost":
        return _lost(f"the log that slot {name} needs was removed", table)
    if slot.confirmed is not None and slot.confirmed > committed:
        return _lost(
            f"slot {name} goes on at {_lsn(slot.confirmed)}, the connector has read up to"
            f" {_lsn(committed)}: changes between them are skipped",
            table,
        )
    return Answer(
        check="unread",
        state="ok",
        message=f"the connector is at {_lsn(committed)}, changes are kept from there",
    )


def _lsn(number: int) -> str:
    """As Postgres writes it: `0/16B3748`."""
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def _fail(check: str, message: str, repair: str) -> Answer:
    return Answer(check=check, state="fail", message=message, repair=repair)


def _lost(message: str, table: str) -> Answer:
    return Answer(
        check="unread",
        state="fail",
        message=message,
        repair=_SNAPSHOT.format(table=table),
        is_loss=True,
    )
