"""Reading the objects: the listing, each manifest, and, beyond a quick look, each body's bytes."""

import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl import wire
from bictl.counted import counted
from bictl.errors import NotFound
from bictl.records import BatchName, Manifest, is_elsewhere, is_old_batch, parse_batch_key
from bictl.verify.ranges import Ranges, from_offsets, total
from bictl.verify.shelf import Batch
from bictl.verify.slices import WHOLE, Slice

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectInfo, ObjectStore

READERS = 8  # objects that are asked for their manifests at a time
_BODIES = 2  # bodies that are in memory at a time
# verify's own reading of a line's head; the loader has its own
_HEAD = re.compile(rb'\{"topic":"([^"]+)","partition":(\d+),"offset":(\d+),"timestamp":(-?\d+),')


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What stands under a prefix: batches by their keys, objects of the scripts that were here
    before, and everything else."""

    named: tuple[tuple["ObjectInfo", BatchName], ...]
    foreign: tuple[str, ...]
    old: tuple["ObjectInfo", ...] = ()

    def newest(self) -> list[tuple["ObjectInfo", BatchName]]:
        """The last batch of each generation's partition."""
        last = {(name.generation, name.partition): (info, name) for info, name in self.named}
        return list(last.values())


def list_objects(objects: "ObjectStore", prefix: str, *, other: Container[str] = ()) -> Listing:
    """Everything under the prefix; `other` are keys that bictl itself wrote beside the batches."""
    named, foreign, old = [], [], []
    for info in objects.list(prefix):
        name = parse_batch_key(prefix, info.key)
        if name is not None:
            named.append((info, name))
        elif is_old_batch(prefix, info.key):
            old.append(info)
        elif info.key not in other and not is_elsewhere(prefix, info.key):
            foreign.append(info.key)
    return Listing(named=tuple(named), foreign=tuple(foreign), old=tuple(old))


def read_batches(
    objects: "ObjectStore",
    listed: Iterable[tuple["ObjectInfo", BatchName]],
    *,
    topic: str,
    level: str,
    within: Slice = WHOLE,
) -> tuple[Batch, ...]:
    """Each listed batch. `manifest` reads that alone, `quick` also the bodies of batches with gaps,
    `default` every body, `deep` every line of what is `within` a slice."""

    def read(item: tuple["ObjectInfo", BatchName]) -> Batch | None:
        how = "default" if level == "deep" and not within.holds(item[0].key) else level
        return read_batch(objects, *item, topic=topic, level=how)

    with ThreadPoolExecutor(READERS if level in ("manifest", "quick") else _BODIES) as pool:
        return tuple(batch for batch in pool.map(read, listed) if batch is not None)


def read_batch(
    objects: "ObjectStore", info: "ObjectInfo", name: BatchName, *, topic: str, level: str
) -> Batch | None:
    """One batch, judged by its own bytes; None when it vanished since it was listed."""
    try:
        if level in ("manifest", "quick"):
            metadata = objects.head(info.key)[1]
            batch = judge_manifest(info.key, info.size, name, metadata, topic=topic)
            batch = replace(batch, modified=info.modified)
            if level == "manifest" or not batch.sound or batch.held is not None:
                return batch
        body, metadata = objects.get(info.key)
    except NotFound:
        return None
    batch = judge_manifest(info.key, len(body), name, metadata, topic=topic)
    batch = replace(batch, modified=info.modified)
    if not batch.sound or batch.manifest is None:
        return batch
    return judge_body(batch, batch.manifest, body, deep=level == "deep")


def judge_manifest(
    key: str, size: int, name: BatchName, metadata: dict[str, str], *, topic: str
) -> Batch:
    """The batch as its manifest tells it; a dense one says which offsets it holds."""
    try:
        manifest = Manifest.from_metadata(metadata)
    except ValueError as error:
        return Batch(key=key, size=size, name=name, damage=str(error))
    damage = ""
    if manifest.topic != topic:
        damage = f"its manifest says topic {manifest.topic}"
    elif manifest.name != name:
        damage = f"its manifest says {manifest.generation}/{manifest.range}: it was moved here"
    held = dense(manifest)
    return Batch(key=key, size=size, name=name, manifest=manifest, damage=damage, held=held)


def dense(manifest: Manifest) -> Ranges | None:
    """The offsets of a batch without gaps or without records; None when only its body knows."""
    if manifest.records == 0:
        return ()
    return (manifest.range,) if manifest.records == len(manifest.range) else None


def judge_body(batch: Batch, manifest: Manifest, body: bytes, *, deep: bool) -> Batch:
    """The batch with its bytes compared to the manifest, and its lines where they matter."""
    damage, held = "", batch.held
    if hashlib.sha256(body).hexdigest() != manifest.sha256:
        damage = f"its {len(body)} bytes are not those that were sealed (sha256 differs)"
    elif deep or held is None:
        damage, held = _judge_lines(manifest, body, deep=deep)
    return replace(batch, size=len(body), damage=damage, held=held)


def _judge_lines(manifest: Manifest, body: bytes, *, deep: bool) -> tuple[str, Ranges | None]:
    """What is wrong with the lines, and which offsets they hold; a deep look asks also what they
    say of values and times."""
    summary = _Summary()
    lines = wire.read_lines(body)
    try:
        offsets = read_offsets(manifest, summary.passed(lines) if deep else lines)
    except ValueError as error:
        return str(error), None
    held = from_offsets(manifest.partition, offsets)
    if total(held) != len(offsets) or offsets != sorted(offsets):
        return "its offsets do not rise", held
    if len(offsets) != manifest.records:
        said = f"it holds {counted(len(offsets), 'line')}, its manifest says {manifest.records}"
        return said, held
    if offsets and not manifest.first <= offsets[0] <= offsets[-1] < manifest.next:
        return f"its offsets leave {manifest.range}", held
    return summary.difference(manifest) if deep else "", held


class _Summary:
    """What lines say of their values and times, noted as they pass."""

    def __init__(self) -> None:
        self._times, self._tombstones = list[int](), 0

    def passed(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The same lines."""
        for line in lines:
            head = _HEAD.match(line)
            self._times.append(int(head[4]) if head else 0)
            self._tombstones += b'"value":null' in line and wire.parse_line(line).value is None
            yield line

    def difference(self, manifest: Manifest) -> str:
        """What the manifest says otherwise; nothing where it says the same."""
        if self._tombstones != manifest.tombstones:
            held = counted(self._tombstones, "tombstone")
            return f"it holds {held}, its manifest says {manifest.tombstones}"
        span = min(self._times, default=None), max(self._times, default=None)
        if span != (manifest.min_timestamp, manifest.max_timestamp):
            return (
                f"its records are from {span[0]} to {span[1]}, its manifest says "
                f"{manifest.min_timestamp} to {manifest.max_timestamp}"
            )
        return ""


def read_offsets(manifest: Manifest, lines: Iterable[bytes]) -> Sequence[int]:
    """The offsets of the lines; ValueError for a line of another place, or of none."""
    offsets = []
    place = (manifest.topic.encode(), str(manifest.partition).encode())
    for number, line in enumerate(lines, 1):
        head = _HEAD.match(line)
        if head is None:
            raise ValueError(f"line {number} is not a record")
        if (head[1], head[2]) != place:
            raise ValueError(f"line {number} is of another topic or partition")
        offsets.append(int(head[3]))
    return offsets
