"""Which generation the old records belong to: decided once, by the anchor test, and kept.

The old objects and rows say nothing of the topic's id. They belong to the topic as it is now when
Kafka still serves some of their records and every one that it serves is the same; else to the
generation `legacy`, which stands before all others. A person may decide instead.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from bictl.errors import NotFound, StageFailed, TopicRecreated, Unreachable, UsageError
from bictl.ingest.acks import list_acks
from bictl.ingest.frontier import Generation, check_prefix, generations
from bictl.ingest.identity import choose_generation
from bictl.records import LEGACY, LEGACY_NUMBER, Topic, state_prefix
from bictl.takeover.lines import OldRecord
from bictl.takeover.same import is_same_record

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader
    from bictl.settings import Table

FORMAT = "bictl.takeover/1"
Choice = Literal["current", "legacy"]
_NO_CLUSTER = "unknown"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The generation of a table's old records; `why` and `at` (RFC 3339 in UTC) are for people."""

    generation: str
    number: int
    topic: str
    cluster: str
    why: str
    at: str = ""

    @property
    def is_legacy(self) -> bool:
        """Whether they are of no life of the topic that is known."""
        return self.generation == LEGACY


@dataclass(frozen=True)
class Evidence:
    """What Kafka serves at the old records' offsets: the same, others, or nothing any more."""

    same: int = 0
    other: tuple[str, ...] = ()
    gone: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the old records are the topic's as it is now."""
        return self.same > 0 and not self.other

    @property
    def words(self) -> str:
        """One line."""
        if self.other:
            return f"Kafka has other records where these were: {', '.join(self.other[:3])}"
        if not self.same:
            return f"Kafka does not serve any of {self.gone} records that were looked for"
        gone = f", {self.gone} are not served any more" if self.gone else ""
        return f"Kafka serves the same {self.same} records{gone}"


def read_decision(objects: "ObjectStore", prefix: str) -> Decision | None:
    """What was decided before; None when nothing was. StageFailed for an object that is none."""
    key = _key(prefix)
    try:
        document = json.loads(objects.get(key)[0])
        if document.pop("format") != FORMAT:
            raise ValueError
        return Decision(**document)
    except NotFound:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StageFailed(
            f"{key} is not what bictl wrote there: it said which generation the old records have",
            hint="restore it from a copy, or delete it to have it decided again",
        ) from None


def keep(objects: "ObjectStore", prefix: str, decision: Decision) -> Decision:
    """Keeps the decision; the one that stands from now on, which another run may have made."""
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    document = {"format": FORMAT, **asdict(replace(decision, at=at))}
    body = json.dumps(document, indent=2).encode()
    objects.put_new(_key(prefix), body, metadata={}, content_type="application/json")
    return read_decision(objects, prefix) or decision


def decide(
    reader: "TopicReader",
    objects: "ObjectStore",
    samples: Sequence[OldRecord],
    *,
    table: "Table",
    choice: Choice | None = None,
) -> Decision:
    """The generation of the old records, of which `samples` are compared with Kafka; writes
    nothing.

    Unreachable without Kafka, unless a person chose legacy; NotFound where Kafka has no such topic;
    TopicRecreated where the topic as it is now was never accepted.
    """
    if choice == "legacy":
        return _legacy(table, _NO_CLUSTER, "a person decided it")
    try:
        topic = reader.describe(table.topic)
        evidence = Evidence(same=1) if choice else compare(reader, topic, samples)
    except NotFound as missing:
        raise UsageError(
            f"{missing.message}: it would tell whether the old records are its own",
            hint=f"{missing.hint}; if the topic is gone for good: bictl migrate"
            " --legacy-generation legacy",
        ) from missing
    except Unreachable as error:
        raise Unreachable(
            f"Kafka is needed once, to tell which generation the old records of {table.name} belong"
            f" to; nothing was changed: {error.message}",
            hint="run the same command again when Kafka answers, or decide by hand: bictl migrate"
            " --legacy-generation legacy",
        ) from error
    if not evidence.agrees:
        return _legacy(table, topic.cluster, evidence.words)
    current = _current(objects, topic, table)
    return Decision(
        generation=current.name,
        number=current.number,
        topic=table.topic,
        cluster=topic.cluster,
        why="a person decided it" if choice else evidence.words,
    )


def compare(reader: "TopicReader", topic: Topic, samples: Sequence[OldRecord]) -> Evidence:
    """Reads the samples again, each at its offset."""
    same, gone, other = 0, 0, list[str]()
    wanted = {sample.partition for sample in samples} & set(topic.partitions)
    known = {part: max(s.offset for s in samples if s.partition == part) + 1 for part in wanted}
    offsets = reader.offsets(topic.name, wanted, known=known)
    for sample in samples:
        place = f"{sample.partition}:{sample.offset}"
        if sample.partition not in offsets or sample.offset >= offsets[sample.partition].high:
            other.append(f"{place} (the topic ends before it)")
            continue
        if sample.offset < offsets[sample.partition].start:
            gone += 1
            continue
        record = reader.record(topic.name, sample.partition, sample.offset)
        if record is None:
            gone += 1
        elif is_same_record(record, sample):
            same += 1
        else:
            other.append(place)
    return Evidence(same=same, other=tuple(other), gone=gone)


def current_generation(
    objects: "ObjectStore", topic: Topic, *, table: "Table"
) -> Generation | None:
    """The generation of the topic as it is now; None when nobody accepted it."""
    known, acks = generations(objects, table.prefix), list_acks(objects, table.prefix)
    check_prefix(known, prefix=table.prefix, topic=topic.name)
    return choose_generation(topic, known=known, acks=acks)


def _current(objects: "ObjectStore", topic: Topic, table: "Table") -> Generation:
    found = current_generation(objects, topic, table=table)
    if found is None:
        raise TopicRecreated(
            f"the old records are of {topic.name} as it is now, id {topic.id}; but another one was"
            " read before, and nobody accepted this one",
            hint=f"bictl ack --table {table.name} --generation {topic.id} --reason …, then"
            " bictl migrate",
        )
    return found


def given_before(table: "Table", generation: str, number: int, *, why: str) -> Decision:
    """A decision that did not need Kafka."""
    return Decision(
        generation=generation, number=number, topic=table.topic, cluster=_NO_CLUSTER, why=why
    )


def _legacy(table: "Table", cluster: str, why: str) -> Decision:
    return Decision(
        generation=LEGACY,
        number=LEGACY_NUMBER,
        topic=table.topic,
        cluster=cluster,
        why=why,
    )


def _key(prefix: str) -> str:
    return f"{state_prefix(prefix)}takeover.json"
