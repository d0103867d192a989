"""What a broker tells of a topic beside its records: what a group committed, how large its logs
are, which transactions are open, how it is replicated. None or nothing where a broker does not
tell: compatible ones lack these calls, and a login may lack the right.

https://kafka.apache.org/protocol (OffsetFetch, DescribeLogDirs, DescribeProducers,
ListTransactions, DescribeTransactions)
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bictl.errors import AccessDenied, ConfigError, StageFailed

if TYPE_CHECKING:
    from bictl.clients.topics import TopicReader

_T = TypeVar("_T")
_NO_TRANSACTION = -1
_ONGOING = "Ongoing"


@dataclass(frozen=True, kw_only=True)
class OpenTransaction:
    """A transaction that holds back what comes after `first`. In milliseconds of the epoch: `last`
    is the timestamp of its newest record, `began` when it was begun by the coordinator's clock;
    None where the coordinator does not know it, or does not tell."""

    partition: int
    first: int
    producer: int
    epoch: int
    last: int
    began: int | None = None


@dataclass(frozen=True, kw_only=True)
class Log:
    """The largest replica's bytes of one partition, and what is free on that broker's disk."""

    size: int
    free: int | None
    where: str


@dataclass(frozen=True, kw_only=True)
class Replication:
    """The brokers of the cluster; of each partition its replicas, and those in sync."""

    brokers: int
    replicas: Mapping[int, int]
    in_sync: Mapping[int, int]


def committed(reader: "TopicReader", group: str, topic: str) -> dict[int, int]:
    """What a group has committed, by partition."""
    answer = _told(
        lambda: reader.ask(
            f"list the positions of {group}", lambda a: a.list_group_offsets([group])
        )
    )
    return {
        place.partition: int(found.offset)
        for place, found in ((answer or {}).get(group) or {}).items()
        if place.topic == topic and found.offset >= 0
    }


def logs(reader: "TopicReader", topic: str, partitions: Iterable[int]) -> dict[int, Log]:
    """The logs on the brokers' disks, by partition."""
    answer = _told(
        lambda: reader.ask(
            f"describe the logs of {topic}",
            lambda a: a.describe_log_dirs({topic: list(partitions)}),
        )
    )
    found: dict[int, Log] = {}
    for broker in answer or ():
        for folder in broker["log_dirs"]:
            for one in folder.get("topics", ()):
                if one.get("name") == topic:
                    _add_logs(found, broker["broker"], folder, one["partitions"])
    return found


def _add_logs(found: dict[int, Log], broker: int, folder: Any, partitions: Any) -> None:
    free = folder.get("usable_bytes", -1)
    for part in partitions:
        number, size = int(part["partition_index"]), int(part["partition_size"])
        if number not in found or size > found[number].size:
            where = f"broker {broker}, {folder['log_dir']}"
            found[number] = Log(size=size, free=free if free >= 0 else None, where=where)


def open_transactions(
    reader: "TopicReader", topic: str, partitions: Iterable[int]
) -> tuple[OpenTransaction, ...] | None:
    """The transactions that are open in these partitions; None where the broker does not tell."""
    import kafka

    places = [kafka.TopicPartition(topic, part) for part in partitions]
    answer = _told(
        lambda: reader.ask(
            f"describe the producers of {topic}", lambda a: a.describe_producers(places)
        )
    )
    if answer is None:
        return None
    found = tuple(
        OpenTransaction(
            partition=place.partition,
            first=int(one.current_transaction_start_offset),
            producer=int(one.producer_id),
            epoch=int(one.producer_epoch),
            last=int(one.last_timestamp),
        )
        for place, state in sorted(answer.items())
        for one in state.active_producers
        if one.current_transaction_start_offset != _NO_TRANSACTION
    )
    began = _began(reader, {one.producer for one in found}) if found else {}
    return tuple(replace(one, began=began.get((one.producer, one.epoch))) for one in found)


def _began(reader: "TopicReader", producers: Collection[int]) -> dict[tuple[int, int], int]:
    """When the transactions that are going on were begun, by producer and its epoch."""

    def question(admin: Any) -> Any:
        listed = admin.list_transactions(
            producer_id_filters=list(producers), state_filters=[_ONGOING]
        )
        names = [one.transactional_id for several in listed.values() for one in several]
        return admin.describe_transactions(names)

    told = _told(lambda: reader.ask("describe the transactions", question)) or {}
    return {
        (int(one.producer_id), int(one.producer_epoch)): int(one.transaction_start_time_ms)
        for one in told.values()
        if one.state == _ONGOING and one.transaction_start_time_ms > 0
    }


def transaction_limit(reader: "TopicReader") -> int | None:
    """For how many milliseconds the cluster lets a transaction be open."""
    import kafka

    key = "transaction.max.timeout.ms"

    def question(admin: Any) -> Any:
        number = str(admin.describe_cluster()["brokers"][0]["broker_id"])
        wanted = kafka.admin.ConfigResource("BROKER", number, configs={key: None})
        found = admin.describe_configs([wanted], config_filter="all")
        return found.get("broker", {}).get(number, {}).get(key, {}).get("value")

    told = _told(lambda: reader.ask("describe the broker's settings", question))
    return int(told) if told else None


def replication(reader: "TopicReader", topic: str) -> Replication:
    """How the topic is spread over the cluster's brokers."""
    brokers = reader.ask("describe the cluster", lambda a: a.describe_cluster()["brokers"])
    described = reader.ask(f"describe topic {topic}", lambda a: a.describe_topics([topic])[0])
    parts = {int(part["partition_index"]): part for part in described["partitions"]}
    return Replication(
        brokers=len(brokers),
        replicas={number: len(part["replica_nodes"]) for number, part in parts.items()},
        in_sync={number: len(part["isr_nodes"]) for number, part in parts.items()},
    )


def _told(question: Callable[[], _T]) -> _T | None:
    try:
        return question()
    except (AccessDenied, ConfigError, StageFailed):
        return None
