"""Whether a connector can be asked for a snapshot, and what its configuration or state lacks.

Debezium says nothing about a signal that it does not hear or cannot follow.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bictl.cdc.flow import flow
from bictl.cdc.known_keys import is_source, is_sql_server
from bictl.cdc.rules import captured
from bictl.cdc.signal import Channel, Kind, Signal, quoted_table
from bictl.cdc.version import kafka_version
from bictl.cdc.words import command, states
from bictl.errors import NotFound, UsageError

if TYPE_CHECKING:
    from bictl.clients.connect import Connector, ConnectWorker
    from bictl.clients.topics import TopicReader

_BLOCKING, _KAFKA = (2, 4), (2, 3)  # Debezium's versions


def prepare_signal(
    worker: "ConnectWorker",
    name: str,
    *,
    kind: Kind,
    channel: Channel | None,
    topics: Sequence[str] = (),
    collections: Sequence[str] = (),
) -> tuple[Signal, Channel]:
    """The signal and the channel it goes by: the one asked for, else Kafka where it is enabled.

    `topics` are those of tables, `collections` names as Debezium has them. UsageError explains what
    the connector's configuration or its state lacks.
    """
    connector = worker.connector(name)
    config = connector.config
    plugin = config.get("connector.class", "")
    if not is_source(plugin):
        raise UsageError(f"{name} is {plugin or 'a sink'}: bictl knows no signals for it")
    enabled = [item.strip() for item in config.get("signal.enabled.channels", "source").split(",")]
    chosen = channel or ("kafka" if "kafka" in enabled else "table")
    _check_version(worker, plugin, kind, chosen)
    _check_channels(connector, kind, chosen, enabled)
    wanted = (*(_collection(connector, topic) for topic in topics), *collections)
    for one in wanted:
        _check_captured(connector, one)
    if chosen == "kafka":
        _check_listening(connector)
    prefix = config.get("topic.prefix", "")
    signal = Signal(
        connector=name,
        kind=kind,
        collections=wanted,
        id=str(uuid.uuid4()),
        plugin=plugin,
        table=config.get("signal.data.collection", ""),
        topic=config.get("signal.kafka.topic", f"{prefix}-signal"),
        key=prefix,
    )
    return signal, chosen


def check_topics(worker: "ConnectWorker", reader: "TopicReader", signal: Signal) -> None:
    """UsageError unless the signal topic is there, in the Kafka that the worker uses, and the
    connector is through with its snapshot: until then it throws signals away."""
    told = flow(reader, signal.tables, {})
    if told.reading:
        raise UsageError(
            f"{signal.connector} is still in a snapshot ({told.snapshot}): it would not hear",
            hint=f"wait until that is complete: {command('status', signal.connector)} --watch 5",
        )
    try:
        topic = reader.describe(signal.topic)
    except NotFound as error:
        raise UsageError(
            f"the signal topic {signal.topic} is not there",
            hint=f"create it with one partition: kafka-topics --create --topic {signal.topic} "
            "--partitions 1",
        ) from error
    if (cluster := worker.worker().cluster) != topic.cluster:
        raise UsageError(
            f"the worker's Kafka is the cluster {cluster}, that of [kafka] is {topic.cluster}: "
            f"{signal.connector} would not hear",
            hint="correct kafka.bootstrap_servers or connect.url",
        )


def _check_version(worker: "ConnectWorker", plugin: str, kind: Kind, channel: Channel) -> None:
    said = next((one.version for one in worker.plugins() if one.name.endswith(plugin)), "")
    version = kafka_version(said)
    if version is None:
        return
    if kind == "blocking" and version < _BLOCKING:
        raise UsageError(
            f"a blocking snapshot needs Debezium 2.4 or newer; the worker has {said}",
            hint="leave --blocking out",
        )
    if channel == "kafka" and version < _KAFKA:
        raise UsageError(
            f"the Kafka channel needs Debezium 2.3 or newer; the worker has {said}",
            hint="--channel table",
        )


def _check_channels(
    connector: "Connector", kind: Kind, channel: Channel, enabled: Sequence[str]
) -> None:
    """That the connector listens there, and can write its watermarks."""
    config, needed = connector.config, {}
    if (kind == "incremental" or channel == "table") and not config.get("signal.data.collection"):
        needed["signal.data.collection"] = _example(config.get("connector.class", ""))
    channels = {"source"} if kind == "incremental" or channel == "table" else set()
    channels |= {"kafka"} if channel == "kafka" else set()
    if not channels <= set(enabled):
        needed["signal.enabled.channels"] = ",".join(sorted({*enabled, *channels}, reverse=True))
    if channel == "kafka" and not config.get("signal.kafka.bootstrap.servers"):
        needed["signal.kafka.bootstrap.servers"] = "the worker's own Kafka"
    if needed:
        raise UsageError(
            f"{connector.name} cannot be asked for {kind} snapshots by "
            f"{'the signal table' if channel == 'table' else 'Kafka'}: "
            f"{', '.join(needed)} {_missing(connector, needed)}",
            hint=_hint(needed, config.get("connector.class", "")),
        )


def _missing(connector: "Connector", needed: Mapping[str, str]) -> str:
    if "signal.data.collection" in needed:
        return "is missing; the watermarks of an incremental snapshot are written into that table"
    return "has to be set"


def _hint(needed: Mapping[str, str], plugin: str) -> str:
    """The keys, and the table where one is needed."""
    keys = ", ".join(f'"{key}": "{value}"' for key, value in needed.items())
    words = f"add {keys} to its file, then: bictl cdc apply"
    if "signal.data.collection" not in needed:
        return words
    table = needed["signal.data.collection"]
    kinds = ("nvarchar(64)", "nvarchar(32)", "nvarchar(max)")
    if not is_sql_server(plugin):
        kinds = ("varchar(64)", "varchar(32)", "text")
    made = (
        f"CREATE TABLE {quoted_table(table, plugin)} "
        f"(id {kinds[0]} PRIMARY KEY, type {kinds[1]} NOT NULL, data {kinds[2]});"
    )
    cdc = ", CDC enabled for it (bictl cdc enable)" if is_sql_server(plugin) else ""
    return f"{words}; the table has to be there first{cdc}, and the connector may write it: {made}"


def _example(plugin: str) -> str:
    return "ConcordDb.dbo.debezium_signal" if is_sql_server(plugin) else "dbo.debezium_signal"


def _collection(connector: "Connector", topic: str) -> str:
    """What Debezium calls the table whose records are in `topic`, when nothing renames topics."""
    prefix = f"{connector.config.get('topic.prefix', '')}."
    if not topic.startswith(prefix):
        raise UsageError(
            f"{connector.name} writes topics that begin with {prefix}, not {topic}",
            hint="name the connector that writes it, or the table itself: --collection "
            f"{_example(connector.config.get('connector.class', ''))}",
        )
    return topic.removeprefix(prefix)


def _check_captured(connector: "Connector", collection: str) -> None:
    """That the connector captures it: Debezium itself says nothing about one that it does not."""
    plugin = connector.config.get("connector.class", "")
    parts = collection.split(".")
    shape = 3 if is_sql_server(plugin) else 2
    if len(parts) != shape:
        raise UsageError(
            f"{collection} names no table of {connector.name}",
            hint=f"as in {_example(plugin).rpartition('.')[0]}.Product",
        )
    entries = captured(connector.config)
    table = ".".join(parts[-2:])
    if entries and not any(_matches(entry, table) for entry in entries):
        raise UsageError(
            f"{connector.name} does not capture {table}",
            hint=f"its table.include.list is {', '.join(entries)}",
        )


def _matches(entry: str, table: str) -> bool:
    try:
        return re.fullmatch(entry, table, re.IGNORECASE) is not None
    except re.error:  # an expression that only Java understands
        return True


def _check_listening(connector: "Connector") -> None:
    """Kafka's channel is read from its end on: a task that does not run never hears."""
    running = connector.state == "RUNNING" and connector.tasks
    if not running or any(task.state != "RUNNING" for task in connector.tasks):
        verb = "resume" if connector.state in ("PAUSED", "STOPPED") else "restart"
        raise UsageError(
            f"{connector.name} does not listen: {states(connector)}",
            hint=f"{command(verb, connector.name)}, then this again",
        )
