"""What a connector's configuration gets wrong by itself, before any worker is asked.

Kafka Connect accepts every one of these; each was seen to lose records, to read nothing, or to
fail long after the connector was created.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from bictl.cdc.finding import Finding, fail, warn
from bictl.cdc.known_keys import JSON_CONVERTER, is_postgres, is_source, is_sql_server

Config = Mapping[str, str]
_HISTORY = "schema.history.internal.kafka."
_PREFIX = re.compile(r"[A-Za-z0-9._-]+")
_CONNECTION = ("database.hostname", "database.user", "database.password")
_OVERRIDES = "snapshot.select.statement.overrides"
_OPERATIONS = {"c": "inserts", "u": "updates", "d": "deletes", "r": "snapshot rows"}


def check_values(config: Config) -> Iterator[Finding]:
    """Every rule about one connector alone."""
    for rule in _RULES:
        yield from rule(config)


def captured(config: Config) -> list[str]:
    """The entries of table.include.list."""
    return _list(config, "table.include.list")


def databases(config: Config) -> list[str]:
    """The databases of a SQL Server connector."""
    return _list(config, "database.names")


def _required(config: Config) -> Iterator[Finding]:
    plugin = config.get("connector.class", "")
    if not plugin:
        yield fail("connector.class", "missing", "name the plugin (bictl cdc plugins lists them)")
    if is_sql_server(plugin):
        needed = ("topic.prefix", *_CONNECTION, "database.names")
    elif is_postgres(plugin):
        needed = ("topic.prefix", *_CONNECTION, "database.dbname")
    else:
        return
    for key in needed:
        if not config.get(key, "").strip():
            yield fail(key, "missing", f"add {key}")


def _history(config: Config) -> Iterator[Finding]:
    """The worker's validate does not look at the schema history: the task fails at its start."""
    if not is_sql_server(config.get("connector.class", "")):
        return
    if "Kafka" not in config.get("schema.history.internal", "KafkaSchemaHistory"):
        return
    for name in ("bootstrap.servers", "topic"):
        if not config.get(_HISTORY + name, "").strip():
            yield fail(_HISTORY + name, "missing, and the task fails without it", "add it")
    topic, prefix = config.get(_HISTORY + "topic"), config.get("topic.prefix")
    if topic and topic == prefix:
        yield fail(
            _HISTORY + "topic",
            f"{topic} is also the topic of the schema changes, which is called like topic.prefix",
            f"write schema-changes.{prefix}",
        )


def _prefix(config: Config) -> Iterator[Finding]:
    prefix = config.get("topic.prefix", "")
    if prefix and not _PREFIX.fullmatch(prefix):
        yield fail(
            "topic.prefix", f"{prefix!r} cannot begin a topic's name", "letters, digits, . _ -"
        )


def _tables(config: Config) -> Iterator[Finding]:
    """Debezium compares a table as schema.table with each entry, a regular expression."""
    if not is_source(config.get("connector.class", "")):
        return
    if "table.include.list" not in config and "table.exclude.list" not in config:
        yield warn("table.include.list", "missing: every table is captured", "name the tables")
    for key in ("table.include.list", "table.exclude.list"):
        for entry in _list(config, key):
            yield from _table(config, key, entry)


def _table(config: Config, key: str, entry: str) -> Iterator[Finding]:
    if problem := _broken(entry):
        yield fail(key, f"{entry!r} is no regular expression: {problem}", "correct it")
        return
    plain = entry.replace("\\.", ".")
    parts = plain.split(".")
    names = databases(config) or _list(config, "database.dbname")
    if len(parts) == 3 and parts[0].lower() in {name.lower() for name in names}:
        yield fail(
            key,
            f"{entry} has the database in it and matches no table",
            f"write {'.'.join(parts[1:])}: tables are compared as schema.table",
        )
    elif re.fullmatch(r"\w+", plain):
        hint = f"write {'dbo' if databases(config) else 'public'}.{plain}"
        yield fail(key, f"{entry} has no schema and matches no table", hint)


def _broken(entry: str) -> str:
    """What is wrong with an expression in Java and Python alike; "" where only Java can tell."""
    try:
        re.compile(entry)
    except re.error as error:
        java = ("\\p", "\\Q", "\\h", "&&", "*+", "++")
        return "" if any(mark in entry for mark in java) else str(error)
    return ""


def _losses(config: Config) -> Iterator[Finding]:
    """Settings that drop records, or values, without a word."""
    if config.get("errors.tolerance", "none").lower() == "all":
        yield warn(
            "errors.tolerance",
            "all: a record that cannot be converted is dropped, and the task says RUNNING",
            "write none",
        )
    mode = config.get("event.processing.failure.handling.mode", "fail").lower()
    if mode != "fail":
        yield warn(
            "event.processing.failure.handling.mode",
            f"{mode}: a change that cannot be read is dropped",
            "write fail",
        )
    skipped = [
        _OPERATIONS[one] for one in _list(config, "skipped.operations") if one in _OPERATIONS
    ]
    if skipped:
        yield warn("skipped.operations", f"{', '.join(skipped)} are not captured", "write t")
    if config.get("tombstones.on.delete", "true").lower() == "false":
        yield warn(
            "tombstones.on.delete",
            "false: a compacted topic keeps the rows that were deleted",
            "write true",
        )
    if _OVERRIDES in config:
        yield warn(
            _OVERRIDES,
            "what a statement leaves out is in no snapshot, and the next one closes it: staging "
            "does not show it any more",
            "leave it out, or take the next snapshot without it",
        )


def _values(config: Config) -> Iterator[Finding]:
    """Values that arrive as something else."""
    if config.get("decimal.handling.mode", "precise").lower() == "double":
        yield warn(
            "decimal.handling.mode",
            "double: 9999999999999999.99 arrives as 1e+16",
            "write precise or string",
        )
    if config.get("time.precision.mode", "").lower() == "connect":
        yield warn(
            "time.precision.mode",
            "connect: what is finer than a millisecond is cut off",
            "write adaptive",
        )


def _converters(config: Config) -> Iterator[Finding]:
    for side in ("key.converter", "value.converter"):
        kind = config.get(side)
        if kind is None:
            continue  # the worker's own; what it is cannot be asked for
        option = f"{side}.replace.null.with.default"
        if kind not in (JSON_CONVERTER, "JsonConverter"):
            yield warn(side, f"{kind}: bictl reads JSON", f"write {JSON_CONVERTER}")
        elif config.get(option, "true").lower() != "false":
            yield warn(
                option,
                "a NULL in a column that has a default arrives as the default",
                f"write {option}=false (Kafka Connect 3.5 and later)",
            )


def _snapshot(config: Config) -> Iterator[Finding]:
    mode = config.get("snapshot.mode", "initial").lower()
    if mode in ("schema_only", "never", "no_data", "schema_only_recovery", "recovery"):
        yield warn(
            "snapshot.mode",
            f"{mode}: the rows that are there already are not captured",
            "write initial; where the connector has offsets, it goes on from them",
        )
    elif mode == "initial_only":
        yield warn("snapshot.mode", f"{mode}: no change is captured after the snapshot", "initial")


def _tasks(config: Config) -> Iterator[Finding]:
    """SQL Server has a task a database, Postgres one at all."""
    most = max(1, len(databases(config)))
    asked = config.get("tasks.max", "1")
    if asked.isdigit() and int(asked) > most:
        what = "one task" if most == 1 else f"{most} tasks, one a database"
        yield warn("tasks.max", f"{asked}: there will be {what}", f"write {most}")


def _signals(config: Config) -> Iterator[Finding]:
    """SQL Server names a collection with its database, Postgres without."""
    plugin = config.get("connector.class", "")
    parts = 3 if is_sql_server(plugin) else 2 if is_postgres(plugin) else 0
    shape = {3: "ConcordDb.dbo.debezium_signal", 2: "public.debezium_signal"}.get(parts, "")
    name = config.get("signal.data.collection", "")
    if name and parts and len(name.split(".")) != parts:
        yield fail("signal.data.collection", f"{name} names no table here", f"as in {shape}")
    channels = _list(config, "signal.enabled.channels")
    if "kafka" in channels and not config.get("signal.kafka.bootstrap.servers"):
        yield fail("signal.kafka.bootstrap.servers", "missing: the kafka channel needs it", "add")


def _postgres(config: Config) -> Iterator[Finding]:
    if is_postgres(config.get("connector.class", "")) and "plugin.name" not in config:
        yield warn(
            "plugin.name",
            "missing: the default, decoderbufs, has to be installed in the server",
            "write pgoutput, which every Postgres has",
        )


def _list(config: Config, key: str) -> list[str]:
    return [item.strip() for item in config.get(key, "").split(",") if item.strip()]


_RULES: tuple[Callable[[Config], Iterator[Finding]], ...] = (
    _required,
    _history,
    _prefix,
    _tables,
    _losses,
    _values,
    _converters,
    _snapshot,
    _tasks,
    _signals,
    _postgres,
)
