"""The keys of pruned records, read from their objects, and whether bronze has newer ones."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from bictl import wire
from bictl.clients.key_parts import each, functions
from bictl.records import Manifest, Range
from bictl.verify.ranges import Ranges, from_offsets, merged, within
from bictl.verify.replaced import Replaced
from bictl.verify.shelf import Batch, Place, Shelf

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectStore
    from bictl.settings import Table

_AT_ONCE = 2_000  # records a statement


def read_replaced(
    objects: "ObjectStore",
    database: "Database",
    table: "Table",
    shelf: Shelf,
    pruned: Mapping[Place, Sequence[Range]],
    claimed: Replaced,
) -> Replaced:
    """`claimed`, and the pruned records whose key no later row of bronze has."""
    found = [
        item
        for place, gone in pruned.items()
        for batch in shelf.chains.get(place, ())
        if batch.sound and batch.manifest is not None
        for item in _unreplaced(objects, database, table, batch, batch.manifest, gone)
    ]
    return claimed.with_keys(merged(found))


def _unreplaced(
    objects: "ObjectStore",
    database: "Database",
    table: "Table",
    batch: Batch,
    manifest: Manifest,
    gone: Sequence[Range],
) -> Ranges:
    wanted = within(gone, manifest.range)
    if not wanted:
        return ()
    missing: list[int] = []
    keys = _keys(objects, batch, wanted)
    place = {
        "topic": manifest.topic,
        "generation": manifest.generation,
        "partition": manifest.partition,
        "key": list(table.key),
    }
    try:
        while some := list(islice(keys, _AT_ONCE)):
            missing += _without_newer(database, table, place, dict(some))
    except ValueError:  # a line that is none
        return wanted
    return from_offsets(manifest.partition, missing)


def _without_newer(
    database: "Database", table: "Table", place: dict[str, Any], keys: Mapping[int, str | None]
) -> list[int]:
    """The offsets, given with their keys, that no newer record of the key follows."""

    def ask(name: str, offsets: list[int]) -> list[tuple[Any, ...]]:
        listed = {"offsets": offsets, "keys": [keys[offset] for offset in offsets]}
        return database.rows(
            database.named(name, bronze=table.bronze, **_key_parts(table)), {**place, **listed}
        )

    found = ask("verify/replaced", list(keys))
    missing = [offset for offset, is_other in found if not is_other]
    others = [offset for offset, is_other in found if is_other]
    if others:
        missing += [offset for (offset,) in ask("verify/replaced_by_key", others)]
    return missing


def _key_parts(table: "Table") -> dict[str, Any]:
    """The key's columns as its index holds them."""
    named = functions(table.key_types)
    column = "(%(key)s::text[])[{number}]"
    row = f"{{name}}(b.kafka_key, b.cdc_payload, {column})"
    return {
        "given": each(f"{{name}}(key, null::jsonb, {column}) as key_{{number}}", named),
        "known": each("given.key_{number} is not null", named, between=" and "),
        "same": each(f"{row} = given.key_{{number}}", named, between=" and "),
    }


def _keys(objects: "ObjectStore", batch: Batch, wanted: Ranges) -> Iterator[tuple[int, str | None]]:
    """(offset, key without its schema) of the wanted lines; a key that is no text is None."""
    splitter, places = wire.EnvelopeSplitter(), iter(wanted)
    here = next(places, None)
    for text in wire.read_lines(objects.get(batch.key)[0]):
        line = wire.parse_line(text)
        while here is not None and line.offset >= here.next:
            here = next(places, None)
        if here is None:
            return
        if line.offset >= here.first:
            yield line.offset, _text(splitter, line.key)


def _text(splitter: wire.EnvelopeSplitter, key: bytes | None) -> str | None:
    if key is None:
        return None
    try:
        text = splitter.split(key)[1].decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
