"""What outlives the batches: one small object per partition that says how far it was sealed.

A lifecycle rule may expire a partition's batches, all of them where it is quiet. The frontier
object stands under a prefix of bictl's own that the rule does not cover; it is written over after
each seal. It is a memory and no authority: readers take whichever is further, it or the batches,
so a missing or a stale one does no harm while these are there, and a damaged one is named and left.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bictl.errors import NotFound
from bictl.records import BareRecord, Manifest, state_prefix

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore

FORMAT = "bictl.frontier/1"
_THREADS = 16  # GETs at once
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Anchor:
    """The last sealed record of a partition: where it stood, and the sha256 of what it was."""

    offset: int
    digest: str

    @classmethod
    def of(cls, record: BareRecord) -> "Anchor":
        """The anchor that a record is; timestamp, key and value are told apart by their sizes."""
        key, value = record.key, record.value
        sizes = [-1 if part is None else len(part) for part in (key, value)]
        digest = hashlib.sha256(b"%d %d %d\n" % (record.timestamp, *sizes))
        digest.update(key or b"")
        digest.update(value or b"")
        return cls(record.offset, digest.hexdigest())


@dataclass(frozen=True, kw_only=True)
class FrontierObject:
    """How far one partition was sealed: `newest` is its last batch, `baseline` the first offset
    that a batch ever answered for. `anchor` is None while no batch held a record."""

    newest: Manifest
    baseline: int
    anchor: Anchor | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Generation and partition."""
        return self.newest.generation, self.newest.partition

    def with_batch(self, manifest: Manifest, last: Anchor | None) -> "FrontierObject":
        """The same partition once another batch is sealed, which may fill a hole below."""
        after = replace(self, baseline=min(self.baseline, manifest.first))
        if manifest.next <= self.newest.next:
            return after
        return replace(after, newest=manifest, anchor=last or self.anchor)

    def to_bytes(self) -> bytes:
        """The object's bytes: JSON with a digest of its own."""
        document = {
            "format": FORMAT,
            "baseline": self.baseline,
            "anchor": None if self.anchor is None else asdict(self.anchor),
            "newest": self.newest.to_metadata(),
        }
        return json.dumps({**document, "sha256": _digest(document)}, indent=2).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> "FrontierObject":
        """What the bytes say; ValueError says why they are not to be believed."""
        try:
            document = json.loads(body)
            written = document.pop("sha256")
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']!r}, not {FORMAT}")
            if written != _digest(document):
                raise ValueError("its bytes are not those that were written")
            return _parsed(document)
        except (KeyError, TypeError, AttributeError, RecursionError):
            raise ValueError(f"it is no {FORMAT}") from None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The frontier objects of one prefix; `damaged` says for a key why it is not believed."""

    found: Mapping[tuple[str, int], FrontierObject] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)

    def generation(self, name: str) -> list[FrontierObject]:
        """Those of one generation, by partition."""
        return [kept for place, kept in sorted(self.found.items()) if place[0] == name]

    @property
    def warnings(self) -> list[str]:
        """Sentences for a person."""
        return [f"{key} is left aside: {why}" for key, why in self.damaged.items()]


def frontier_prefix(prefix: str) -> str:
    """Where a table's frontier objects are."""
    return f"{state_prefix(prefix)}frontier/"


def frontier_key(prefix: str, generation: str, partition: int) -> str:
    """The key of one partition's frontier object."""
    return f"{frontier_prefix(prefix)}generation={generation}/partition={partition:05d}.json"


def read_kept(objects: "ObjectStore", prefix: str, *, topic: str = "") -> Kept:
    """All frontier objects of a prefix; with a `topic` those of another one are damaged."""
    keys = [info.key for info in objects.list(frontier_prefix(prefix))]
    found, damaged = {}, {}
    with ThreadPoolExecutor(_THREADS) as pool:
        reads = pool.map(lambda key: _read(objects, prefix, key), keys)
        for key, kept in zip(keys, reads, strict=True):
            if isinstance(kept, FrontierObject) and topic not in ("", kept.newest.topic):
                damaged[key] = f"it is about topic {kept.newest.topic}"
            elif isinstance(kept, FrontierObject):
                found[kept.place] = kept
            elif kept:
                damaged[key] = kept
    return Kept(found=found, damaged=damaged)


def write_kept(objects: "ObjectStore", prefix: str, kept: FrontierObject) -> None:
    """Puts it over the one that was there."""
    objects.put(frontier_key(prefix, *kept.place), kept.to_bytes(), content_type="application/json")


def _read(objects: "ObjectStore", prefix: str, key: str) -> FrontierObject | str:
    """The frontier object, or why it is none; nothing where it vanished since it was listed."""
    try:
        kept = FrontierObject.from_bytes(objects.get(key)[0])
    except NotFound:
        return ""
    except ValueError as error:
        return str(error)
    belongs = frontier_key(prefix, *kept.place)
    return kept if key == belongs else f"it says what belongs to {belongs}"


def _parsed(document: dict[str, Any]) -> FrontierObject:
    newest = Manifest.from_metadata(document["newest"])
    baseline, anchor = document["baseline"], document["anchor"]
    found = None if anchor is None else Anchor(**anchor)
    if not isinstance(baseline, int) or not 0 <= baseline <= newest.first:
        raise ValueError(f"its baseline {baseline!r} does not lie below {newest.range}")
    if found is not None and not (
        isinstance(found.offset, int)
        and baseline <= found.offset < newest.next
        and _DIGEST.fullmatch(found.digest)
    ):
        raise ValueError("its last record is not one of the partition's")
    return FrontierObject(newest=newest, baseline=baseline, anchor=found)


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
