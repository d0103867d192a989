"""A connector beside the others, and beside the tables that read what it writes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bictl.cdc.connector_file import ConnectorFile
from bictl.cdc.finding import Finding, fail, warn
from bictl.cdc.known_keys import is_postgres, is_source, is_sql_server
from bictl.cdc.rules import captured, databases
from bictl.settings import Table

_HISTORY = "schema.history.internal.kafka.topic"
# Transformations that leave a record in its topic.
_STAY = ("ExtractNewRecordState", "InsertField", "ReplaceField", "MaskField", "Cast", "Filter")


@dataclass(frozen=True)
class Neighbour:
    """Another connector: in a file, or one that the worker has; `where` says which."""

    name: str
    where: str
    config: Mapping[str, str] = field(repr=False)  # secrets may stand in it


def check_neighbours(draft: ConnectorFile, neighbours: Iterable[Neighbour]) -> Iterator[Finding]:
    """What two connectors must not share."""
    for other in neighbours:
        yield from _shared(draft, other)


def _shared(draft: ConnectorFile, other: Neighbour) -> Iterator[Finding]:
    mine, theirs = draft.config, other.config
    who = f"{other.name} ({other.where})"
    if other.name == draft.name:
        yield warn("name", f"{who} has the same name", "one of the two undoes the other")
        return
    if (prefix := mine.get("topic.prefix")) and theirs.get("topic.prefix") == prefix:
        yield fail(
            "topic.prefix",
            f"{who} has the same one, {prefix}: their topics and metrics collide",
            f"give each connector one of its own; a renamed one: bictl cdc delete {other.name}",
        )
    if (topic := mine.get(_HISTORY)) and theirs.get(_HISTORY) == topic:
        yield fail(
            _HISTORY,
            f"{who} has the same one, {topic}: each would read the other's schemas",
            "give each connector a history topic of its own",
        )
    if _slot(mine) is not None and _slot(mine) == _slot(theirs):
        yield fail(
            "slot.name",
            f"{who} reads the same replication slot: each would miss what the other read",
            "give each connector a slot of its own",
        )


def _slot(config: Mapping[str, str]) -> tuple[str, ...] | None:
    if not is_postgres(config.get("connector.class", "")):
        return None
    keys = ("database.hostname", "database.port", "database.dbname")
    return (config.get("slot.name", "debezium"), *(config.get(key, "") for key in keys))


def check_tables(draft: ConnectorFile, tables: Sequence[Table]) -> Iterator[Finding]:
    """Whether what it captures comes to the topic of a configured table."""
    if not tables or not topics_are_known(draft.config):
        return
    if not any(leads_to(draft.config, table.topic) for table in tables):
        writes = ", ".join(_written(draft.config))
        read = ", ".join(sorted(table.topic for table in tables))
        yield warn(
            "topic.prefix",
            f"it writes {writes}, and no [tables.*] reads that: configured are {read}",
            "correct topic.prefix or table.include.list, or: bictl tables add --topic TOPIC",
        )


def check_table(draft: ConnectorFile, table: Table) -> Iterator[Finding]:
    """That it captures this very table."""
    if topics_are_known(draft.config) and not leads_to(draft.config, table.topic):
        yield fail(
            "topic.prefix",
            f"it writes {', '.join(_written(draft.config))}, "
            f"and [tables.{table.name}] reads {table.topic}",
            "correct topic.prefix or table.include.list, or the table's topic",
        )


def leads_to(config: Mapping[str, str], topic: str) -> bool:
    """Whether one of the captured tables is written to `topic`; letters' case is the database's."""
    for beginning in _beginnings(config):
        if topic.lower().startswith(beginning.lower()):
            table = topic[len(beginning) :]
            if any(_matches(entry, table) for entry in captured(config) or [".*"]):
                return True
            if any(_as_topic(entry) == table.lower() for entry in captured(config)):
                return True
    return False


def check_name(
    draft: ConnectorFile, *, configured: str, neighbours: Iterable[Neighbour]
) -> Iterator[Finding]:
    """`[connect] connector` is whom verify and doctor ask for; it may be another one's name."""
    if not is_source(draft.plugin):
        return
    if configured not in (draft.name, *(other.name for other in neighbours)):
        yield warn(
            "name",
            f"{draft.name}, while [connect] connector is {configured}, which is nowhere",
            f'write connector = "{draft.name}" in the configuration, or correct the file',
        )


def topics_are_known(config: Mapping[str, str]) -> bool:
    """Whether a record's topic follows from the configuration without running any code."""
    plugin = config.get("connector.class", "")
    if not is_source(plugin) or not config.get("topic.prefix"):
        return False
    own = [key for key in config if key.startswith(("topic.delimiter", "topic.naming", "topic.re"))]
    names = [name.strip() for name in config.get("transforms", "").split(",") if name.strip()]
    kinds = [config.get(f"transforms.{name}.type", "") for name in names]
    stay = all(kind.rpartition(".")[2].partition("$")[0] in _STAY for kind in kinds)
    return stay and not own and not any(key.endswith("route.by.field") for key in config)


def _beginnings(config: Mapping[str, str]) -> list[str]:
    prefix = config.get("topic.prefix", "")
    if is_sql_server(config.get("connector.class", "")):
        return [f"{prefix}.{name}." for name in databases(config)]
    return [f"{prefix}."]


def _written(config: Mapping[str, str]) -> list[str]:
    entries = captured(config) or ["*"]
    return [
        beginning + entry.replace("\\.", ".")
        for beginning in _beginnings(config)
        for entry in entries
    ]


def _as_topic(entry: str) -> str:
    """A table's name as it stands in its topic: what no topic's name may have is '_' there.

    https://debezium.io/documentation/reference/2.4/connectors/sqlserver.html#sqlserver-topic-names
    """
    return re.sub(r"[^a-z0-9._-]", "_", entry.replace("\\", "").lower())


def _matches(entry: str, table: str) -> bool:
    try:
        return re.fullmatch(entry, table, re.IGNORECASE) is not None
    except re.error:  # an expression that only Java understands
        return True
