"""What was sealed: generations, chains of batches, and the frontier behind them.

Read only. The batches say it, and where they have expired the frontier objects: the further of the
two counts. An object without a valid manifest is no batch, whatever its key says: it is passed over
here, and a batch that comes to the same key later conflicts with it. Who asks for several things
reads the frontier objects once and hands them on as `kept`.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.errors import ConfigError, NotFound
from bictl.ingest.frontier_object import Kept, read_kept
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


def generations(
    objects: "ObjectStore", prefix: str, *, kept: Kept | None = None
) -> list[Generation]:
    """All generations that ever held a batch, the newest last."""
    kept = read_kept(objects, prefix) if kept is None else kept
    found = {
        one.newest.generation: Generation(
            one.newest.generation_no, one.newest.generation, one.newest.topic
        )
        for one in kept.found.values()
    }
    for folder in objects.folders(prefix):
        name = folder.removeprefix(f"{prefix}generation=").rstrip("/")
        if folder == generation_prefix(prefix, name):
            some = _any_manifest(objects, prefix, name)
            if some is not None:  # the batches' own word, where there is one
                found[name] = Generation(some.generation_no, name, some.topic)
    return sorted(found.values())


def partitions(
    objects: "ObjectStore", prefix: str, generation: str, *, kept: Kept | None = None
) -> list[int]:
    """The partitions of a generation that have a folder or a frontier object, ascending."""
    kept = read_kept(objects, prefix) if kept is None else kept
    remembered = {one.newest.partition for one in kept.generation(generation)}
    return sorted(remembered.union(_folders(objects, prefix, generation)))


def newest(
    objects: "ObjectStore",
    prefix: str,
    generation: str,
    partition: int,
    *,
    kept: Kept | None = None,
) -> Manifest | None:
    """The manifest of a partition's newest batch, which may have expired; None where nothing was
    ever sealed."""
    kept = read_kept(objects, prefix) if kept is None else kept
    remembered = kept.found.get((generation, partition))
    standing = newest_standing(objects, prefix, generation, partition)
    if standing is None or remembered is None:
        return standing or (None if remembered is None else remembered.newest)
    return max(standing, remembered.newest, key=lambda manifest: manifest.next)


def newest_standing(
    objects: "ObjectStore", prefix: str, generation: str, partition: int
) -> Manifest | None:
    """The manifest of a partition's newest batch that is there; None when none is."""
    wanted = reversed(names(objects, prefix, generation, partition))
    found = (read_manifest(objects, prefix, name) for name in wanted)
    return next((manifest for manifest in found if manifest is not None), None)


def frontier(
    objects: "ObjectStore",
    prefix: str,
    generation: str,
    partition: int,
    *,
    kept: Kept | None = None,
) -> int | None:
    """The next offset to read; None where nothing was ever sealed."""
    manifest = newest(objects, prefix, generation, partition, kept=kept)
    return None if manifest is None else manifest.next


def chain(objects: "ObjectStore", prefix: str, generation: str, partition: int) -> list[Manifest]:
    """The manifests of a partition's batches that are there, ascending."""
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
    """The manifest of one of a generation's batches; None when none is there."""
    found = (
        newest_standing(objects, prefix, generation, partition)
        for partition in sorted(_folders(objects, prefix, generation))
    )
    return next((manifest for manifest in found if manifest is not None), None)


def _folders(objects: "ObjectStore", prefix: str, generation: str) -> set[int]:
    folder = generation_prefix(prefix, generation)
    names = (
        found.removeprefix(f"{folder}partition=").rstrip("/") for found in objects.folders(folder)
    )
    return {int(name) for name in names if name.isascii() and name.isdigit()}
