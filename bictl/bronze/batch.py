"""One sealed object, read and checked against its manifest: what load and verify trust."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.errors import StageFailed
from bictl.records import Manifest, parse_batch_key
from bictl.wire import Line, parse_line, read_lines

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectInfo, ObjectStore

FORMAT = "jsonl.gz/1"


class DamagedObject(StageFailed):
    """An object under a batch's name that does not hold what its manifest says."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(
            f"{key}: {reason}",
            hint="restore the object from a copy, or delete it and run `bictl ingest --fill`",
        )
        self.key, self.reason = key, reason


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A sealed object whose bytes have the manifest's sha256."""

    info: "ObjectInfo"
    manifest: Manifest
    body: bytes

    def records(self) -> Iterator[Line]:
        """The records; DamagedObject as soon as a line or the sum does not fit the manifest."""
        manifest, count, tombstones, least = self.manifest, 0, 0, self.manifest.first
        place = (manifest.topic, manifest.partition)
        try:
            for text in read_lines(self.body):
                line = parse_line(text)
                if line[:2] != place or not least <= line.offset < manifest.next:
                    raise ValueError(_misplaced(line, manifest, least))
                count, least = count + 1, line.offset + 1
                tombstones += line.value is None
                yield line
            if (count, tombstones) != (manifest.records, manifest.tombstones):
                raise ValueError(
                    f"the manifest says {manifest.records} records, {manifest.tombstones} "
                    f"tombstones; the object holds {count}, {tombstones}"
                )
        except ValueError as error:
            raise DamagedObject(self.info.key, str(error)) from None


def open_batch(objects: "ObjectStore", info: "ObjectInfo", *, prefix: str, topic: str) -> Batch:
    """The object behind `info`, its manifest and sha256 checked; its lines are not read yet.

    Raises DamagedObject when it is not what its name and manifest say.
    """
    body, metadata = objects.get(info.key)
    try:
        manifest = Manifest.from_metadata(metadata)
    except ValueError as error:
        raise DamagedObject(info.key, str(error)) from None
    found = hashlib.sha256(body).hexdigest()
    for what, expected, came in (
        ("format", FORMAT, manifest.format),
        ("topic", topic, manifest.topic),
        ("name", str(manifest.name.key(prefix)), info.key),
        ("sha256", manifest.sha256, found),
    ):
        if expected != came:
            raise DamagedObject(info.key, f"expected {what} {expected}, came {came}")
    return Batch(info=info, manifest=manifest, body=body)


def is_batch(prefix: str, key: str) -> bool:
    """Whether the key is a batch's, so that the object ought to hold one."""
    return parse_batch_key(prefix, key) is not None


def _misplaced(line: Line, manifest: Manifest, least: int) -> str:
    return (
        f"expected topic {manifest.topic}, partition {manifest.partition}, "
        f"offset in [{least},{manifest.next}); "
        f"came {line.topic}, {line.partition}, {line.offset}"
    )
