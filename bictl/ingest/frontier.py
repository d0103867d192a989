"""What the objects say was read: generations, chains of batches, and the frontier behind them.

Read only. An object without a valid manifest is no batch, whatever its key says: it is passed over
here, and a batch that comes to the same key later conflicts with it.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.errors import ConfigError, NotFound
from bictl.records import (
    BatchName,
    Manifest,
    generation_prefix,
    parse_batch_key,
    partition_prefix,
)

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore

_THREADS = 16  # HEADs at once: a listing does not return user metadata


@dataclass(frozen=True, order=True)
class Generation:
    """One life of a topic; `number` orders them, since ids are random."""

    number: int
    name: str
    topic: str


def generations(objects: "ObjectStore", prefix: str) -> list[Generation]:
    """All generations that hold a batch, the newest last."""
    found = []
    for folder in objects.folders(prefix):
        name = folder.removeprefix(f"{prefix}generation=").rstrip("/")
        if folder == generation_prefix(prefix, name):
            some = _any_manifest(objects, prefix, name)
            found += [] if some is None else [Generation(some.generation_no, name, some.topic)]
    return sorted(found)


def partitions(objects: "ObjectStore", prefix: str, generation: str) -> list[int]:
    """The partitions of a generation that have a folder, ascending."""
    folder = generation_prefix(prefix, generation)
    names = (
        found.removeprefix(f"{folder}partition=").rstrip("/") for found in objects.folders(folder)
    )
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def newest(objects: "ObjectStore", prefix: str, generation: str, partition: int) -> Manifest | None:
    """The manifest of a partition's newest batch; None where nothing is sealed."""
    wanted = reversed(names(objects, prefix, generation, partition))
    found = (read_manifest(objects, prefix, name) for name in wanted)
    return next((manifest for manifest in found if manifest is not None), None)


def frontier(objects: "ObjectStore", prefix: str, generation: str, partition: int) -> int | None:
    """The next offset to read; None where nothing is sealed."""
    manifest = newest(objects, prefix, generation, partition)
    return None if manifest is None else manifest.next


def chain(objects: "ObjectStore", prefix: str, generation: str, partition: int) -> list[Manifest]:
    """The manifests of a partition's batches, ascending."""
    wanted = names(objects, prefix, generation, partition)
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda name: read_manifest(objects, prefix, name), wanted)
        return [manifest for manifest in found if manifest is not None]


def names(objects: "ObjectStore", prefix: str, generation: str, partition: int) -> list[BatchName]:
    """The batches' names of one partition by their keys, ascending."""
    folder = partition_prefix(prefix, generation, partition)
    found = (parse_batch_key(prefix, info.key) for info in objects.list(folder))
    return sorted((name for name in found if name is not None), key=lambda name: name.first)


def read_manifest(objects: "ObjectStore", prefix: str, name: BatchName) -> Manifest | None:
    """The manifest behind a batch's key; None when there is none that fits the key."""
    with suppress(ValueError, NotFound):
        manifest = Manifest.from_metadata(objects.head(name.key(prefix))[1])
        return manifest if manifest.name == name else None
    return None


def next_number(known: Iterable[Generation]) -> int:
    """The number of a generation that comes behind the known ones."""
    return 1 + max((generation.number for generation in known), default=-1)


def check_prefix(known: Iterable[Generation], *, prefix: str, topic: str) -> None:
    """ConfigError when the prefix holds batches of another topic."""
    for generation in known:
        if generation.topic != topic:
            raise ConfigError(
                f"the prefix {prefix} holds batches of topic {generation.topic}, not of {topic}",
                hint="give each table a prefix of its own (bictl config show)",
            )


def _any_manifest(objects: "ObjectStore", prefix: str, generation: str) -> Manifest | None:
    """The manifest of one of a generation's batches; None when it holds none."""
    found = (
        newest(objects, prefix, generation, partition)
        for partition in partitions(objects, prefix, generation)
    )
    return next((manifest for manifest in found if manifest is not None), None)
