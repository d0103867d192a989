"""What is old and not taken over yet: looked up before anything is decided, in no time."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bictl import assets
from bictl.bronze.old_table import is_old
from bictl.counted import counted
from bictl.errors import UsageError
from bictl.ingest.old_objects import old_objects, untaken
from bictl.records import LEGACY, LEGACY_NUMBER
from bictl.takeover.decide import Choice, Decision, decide, given_before, keep, read_decision
from bictl.takeover.lines import OldRecord, milliseconds

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectInfo, ObjectStore
    from bictl.clients.topics import TopicReader
    from bictl.settings import Table

_Item = TypeVar("_Item")
_SAMPLED = 16  # old objects that the anchor test looks into


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What waits in one table: `is_old` says that its bronze table has the scripts' shape, `rows`
    that rows of it may be in no sealed batch, and `settled` which generation those were given;
    `objects` are old ones without a note."""

    is_old: bool = False
    rows: bool = False
    settled: Decision | None = None
    objects: "tuple[ObjectInfo, ...]" = ()

    def __bool__(self) -> bool:
        return self.is_old or self.rows or bool(self.objects)

    @property
    def words(self) -> str:
        """What waits, in one line."""
        count = len(self.objects)
        said = [counted(count, "old object")] if count else []
        said += ["the old bronze table"] if self.is_old else []
        said += ["old bronze rows"] if self.rows and not self.is_old else []
        return " and ".join(said) or "nothing old"


def look_at_rows(database: "Database", *, table: "Table") -> Pending:
    """What waits in Postgres."""
    if is_old(database, table.bronze):
        return Pending(is_old=True, rows=True)
    if not database.value(assets.sql("bronze/table_exists"), ["bictl", "takeover"]):
        return Pending()
    given = database.rows(assets.sql("takeover/unsealed"), {"bronze": table.bronze})
    if not given:
        return Pending()
    why = f"{table.bronze} was taken over with it"
    return Pending(rows=True, settled=given_before(table, *given[0], why=why))


def look_at_objects(objects: "ObjectStore", *, table: "Table") -> "tuple[ObjectInfo, ...]":
    """What waits in the bucket."""
    return tuple(untaken(objects, table.prefix, old_objects(objects, table.prefix)))


def settle(
    reader: "TopicReader",
    objects: "ObjectStore",
    database: "Database",
    *,
    table: "Table",
    pending: Pending,
    choice: Choice | None = None,
    dry_run: bool = False,
) -> Decision:
    """The generation of what is pending: as it was decided before, or decided now and kept."""
    known = read_decision(objects, table.prefix)
    if known is not None:
        return known
    found = pending.settled  # the bucket may have been emptied since
    if found is None:
        samples = list(_samples(objects, database, table, pending))
        if not samples and choice is None:
            why = "there are no old records yet"
            return given_before(table, LEGACY, LEGACY_NUMBER, why=why)
        found = decide(reader, objects, samples, table=table, choice=choice)
    return found if dry_run else keep(objects, table.prefix, found)


def check_choice(objects: "ObjectStore", *, table: "Table", choice: Choice) -> None:
    """UsageError when a person asks for another generation than was settled before."""
    known = read_decision(objects, table.prefix)
    if known is not None and (choice == LEGACY) != known.is_legacy:
        raise UsageError(
            f"the old records of {table.name} belong to generation {known.generation} since"
            f" {known.at}: {known.why}",
            hint="what is sealed stays sealed: run bictl migrate without --legacy-generation",
        )


def _samples(
    objects: "ObjectStore", database: "Database", table: "Table", pending: Pending
) -> Iterator[OldRecord]:
    """Some records of each partition, the first and the last that are looked at among them."""
    from bictl.takeover.stage import read_object

    for info in _spread(pending.objects, _SAMPLED):
        by_partition, _, _ = read_object(objects.get(info.key)[0], table.topic, info.key)
        for records in by_partition.values():
            yield from _spread(records, 3)
    if pending.is_old:
        query = database.named("takeover/samples", table=table.bronze)
        for partition, offset, at, key, value in database.rows(query, {"topic": table.topic}):
            with suppress(ValueError):  # an instant that is none tells nothing
                yield OldRecord(partition, offset, milliseconds(at), _raw(key), _raw(value))


def _spread(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many, evenly, the first and the last among them."""
    last = len(items) - 1
    wanted = {last * step // (most - 1) for step in range(most)} if items else set()
    return [items[at] for at in sorted(wanted)]


def _raw(text: str | None) -> bytes | None:
    """A jsonb's text as the record's: a script may have written a tombstone as null, and an object
    as a text that holds it."""
    if text is None or text == "null":
        return None
    return str(json.loads(text)).encode() if text.startswith('"') else text.encode()
