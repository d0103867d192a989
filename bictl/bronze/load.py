"""Objects → Postgres: every listed batch that the ledger does not know, one transaction each."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from bictl import assets
from bictl.bronze.account import Account, LoadResult
from bictl.bronze.ahead import ahead
from bictl.bronze.batch import DamagedObject, is_batch, open_batch
from bictl.bronze.prepare import Prepared, prepare
from bictl.bronze.schemas import SchemaIds
from bictl.bronze.store import Stored, store
from bictl.counted import counted
from bictl.errors import NotFound, TimedOut, Unreachable
from bictl.records import (
    Manifest,
    OnProgress,
    Progress,
    Range,
    Stop,
    is_elsewhere,
    is_old_batch,
    never_stop,
    no_progress,
    old_ack_prefix,
)

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectInfo, ObjectStore
    from bictl.settings import Table

_Answer = TypeVar("_Answer")
LARGE = 20_000  # records


def load(
    objects: "ObjectStore",
    database: "Database",
    *,
    table: "Table",
    run: str,
    replay: bool = False,
    only: Sequence[str] = (),
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> LoadResult:
    """Loads what is new; with `replay` everything anew, from the objects alone.

    `only` names the objects, where it is not all of them. A damaged object is left out and the
    others load. At the end it raises BatchConflict when an offset came twice with different
    content, else StageFailed when an object was damaged: what did load stays loaded, and running
    again is safe.
    """
    listed, foreign = _list(objects, database, table, only)
    known = set() if replay else _known(database, table)
    todo = [info for info in listed if (info.key, info.etag) not in known]
    loader = _Loader(objects, database, table=table, run=run, replay=replay)
    account = loader.load(todo, on_progress=on_progress, stop=stop)
    _tidy(database, table, account.records)
    whole = replay and not only and account.settled == len(todo)
    if whole:
        there = database.named("bronze/unprune_standing", table=table.bronze)
        if database.execute(there, {"topic": table.topic}):
            database.execute("delete from bictl.pruned_range where n_rows = 0")
    result = account.result(
        table.name,
        known=len(listed) - len(todo),
        todo=len(todo),
        foreign=foreign,
        orphans=_orphans(database, table, account.manifests) if whole else (),
    )
    result.raise_failures()
    return result


def loaded_anew(
    objects: "ObjectStore",
    database: "Database",
    infos: "Sequence[ObjectInfo]",
    *,
    table: "Table",
    run: str,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> LoadResult:
    """Some objects loaded anew, within the caller's transaction if there is one; raises nothing
    for what is damaged or in conflict, which the result says."""
    loader = _Loader(objects, database, table=table, run=run, replay=True)
    account = loader.load(list(infos), on_progress=on_progress, stop=stop)
    return account.result(table.name, known=0, todo=len(infos), foreign=[], orphans=())


def heads(objects: "ObjectStore", database: "Database", keys: Sequence[str]) -> "list[ObjectInfo]":
    """The objects of these names; NotFound where one is gone."""
    return [_head(objects, database, key) for key in dict.fromkeys(keys)]


def unloaded(objects: "ObjectStore", database: "Database", *, table: "Table") -> "list[ObjectInfo]":
    """The listed batches that the ledger does not know with this content; reads only."""
    known = _known(database, table)
    return [
        info
        for info in _list(objects, database, table, ())[0]
        if (info.key, info.etag) not in known
    ]


class _Loader:
    """Takes objects through preparation, one ahead in a thread, and into the database."""

    def __init__(
        self,
        objects: "ObjectStore",
        database: "Database",
        *,
        table: "Table",
        run: str,
        replay: bool,
    ) -> None:
        self._objects, self._database, self._table, self._run = objects, database, table, run
        self._replay, self._ids = replay, SchemaIds(database)
        self.account = Account()

    def load(self, todo: "list[ObjectInfo]", *, on_progress: OnProgress, stop: Stop) -> Account:
        """Loads what is free first, then waits for what other loaders are at."""
        busy: list[ObjectInfo] = []
        for wait, infos in ((False, todo), (True, busy)):
            wanted = (info for info in infos if not stop() and self._is_wanted(info))
            for info, ready in ahead(self._prepare, wanted):
                if self._settle(info, ready, wait=wait) == "busy":
                    busy.append(info)
                on_progress(_progress(self.account, len(todo)))
        return self.account

    def _is_wanted(self, info: "ObjectInfo") -> bool:
        """Whether no other loader has been faster."""
        if self._replay:
            return True
        query = "select 1 from bictl.object_ledger where object_key = %s and etag = %s"
        if _once_more(lambda: self._database.value(query, [info.key, info.etag])) is None:
            return True
        self.account.settled += 1
        return False

    def _prepare(self, info: "ObjectInfo") -> Prepared:
        try:
            batch = open_batch(
                self._objects, info, prefix=self._table.prefix, topic=self._table.topic
            )
        except NotFound as gone:
            raise DamagedObject(info.key, f"listed, then gone: {gone.message}") from gone
        return prepare(batch)

    def _settle(self, info: "ObjectInfo", ready: "Future[Prepared]", *, wait: bool) -> str:
        """Into the database and the account; what became of it in a word."""
        try:
            prepared = ready.result()
        except DamagedObject as damaged:
            self.account.damage(damaged)
            return "damaged"
        stored = self._store(prepared, wait=wait)
        if stored.state != "busy":
            self.account.add(info, prepared.batch.manifest, stored)
        return stored.state

    def _store(self, prepared: Prepared, *, wait: bool) -> Stored:
        return _once_more(
            lambda: store(
                self._database,
                prepared,
                table=self._table,
                ids=self._ids,
                run=self._run,
                wait=wait,
                anew=self._replay,
            )
        )


def _once_more(do: Callable[[], _Answer]) -> _Answer:
    """A connection that broke is opened anew, once: the ledger tells what had been committed."""
    try:
        return do()
    except TimedOut:
        raise
    except Unreachable:
        return do()


def _list(
    objects: "ObjectStore", database: "Database", table: "Table", only: Sequence[str]
) -> "tuple[list[ObjectInfo], list[str]]":
    """The batches under the table's prefix, and the keys there that are none."""
    if only:
        return heads(objects, database, only), []
    found: tuple[list[ObjectInfo], list[str]] = ([], [])
    for info in objects.list(table.prefix):
        if is_batch(table.prefix, info.key):
            found[0].append(info)
        elif not _is_known(table.prefix, info.key):
            found[1].append(info.key)
    return found


def _is_known(prefix: str, key: str) -> bool:
    """Whether it is no batch and has its place there all the same."""
    if key.startswith(old_ack_prefix(prefix)):
        return True
    return is_old_batch(prefix, key) or is_elsewhere(prefix, key)


def _head(objects: "ObjectStore", database: "Database", key: str) -> "ObjectInfo":
    """The object of that name; where it is gone and was loaded, NotFound says what it held."""
    try:
        return objects.head(key)[0]
    except NotFound:
        loaded = database.rows(assets.sql("bronze/loaded_from"), [key])
        if not loaded:
            raise
        partition, first, after, records, at = loaded[0]
        raise NotFound(
            "object",
            key,
            where=f"any more: it held {Range(partition, first, after)};"
            f" {counted(records, 'record', 'was')} loaded at {at:%Y-%m-%d %H:%M} UTC,"
            " and bronze keeps what was loaded",
            hint="bictl verify tells whether a lifecycle rule took it or it was lost",
        ) from None


def _known(database: "Database", table: "Table") -> set[tuple[str, str]]:
    query = "select object_key, etag from bictl.object_ledger where kafka_topic = %s"
    return {(str(key), str(etag)) for key, etag in database.rows(query, [table.topic])}


def _tidy(database: "Database", table: "Table", records: int) -> None:
    """Statistics and visibility map after a load that is large, also beside what was there."""
    if records < LARGE:
        return
    believed = database.value(assets.sql("bronze/estimated_rows"), table.bronze.split("."))
    if believed < records * 10:
        database.autocommit(database.named("bronze/analyze", table=table.bronze))


def _orphans(database: "Database", table: "Table", manifests: Iterable[Manifest]) -> list[str]:
    """Rows that no object covers: their objects have expired, or they never had one."""
    covered = [f"{one.generation} {one.partition} {one.first} {one.next}" for one in manifests]
    rows = database.rows(
        database.named("bronze/orphans", table=table.bronze),
        {"topic": table.topic, "covered": covered},
    )
    return [
        f"{counted(count, 'record')} of generation {generation}, {partition}:[{first},{last + 1})"
        for generation, partition, count, first, last in rows
    ]


def _progress(account: Account, total: int) -> Progress:
    return Progress(
        stage="load-bronze",
        done=account.settled,
        total=total,
        unit="objects",
        bytes=account.bytes,
        note=f"{account.records:,} records",
    )
