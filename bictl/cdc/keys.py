"""Keys that a connector does not know: the worker takes any key, and its validate names none."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Literal

from bictl.cdc.finding import Finding, fail, warn
from bictl.cdc.known_keys import is_postgres, is_sql_server, known, options
from bictl.errors import nearest

Chain = Literal["transforms", "predicates"]
_CHAINS: dict[str, Chain] = {"transforms": "transforms", "predicates": "predicates"}
_LIKE = 0.75  # from this likeness on (0 to 1) a strange key is a misspelt one
# Debezium 1.x and what it is called since 2.0; "" is gone.
_RENAMED = {
    "database.server.name": "topic.prefix",
    "database.history": "schema.history.internal",
    "table.whitelist": "table.include.list",
    "table.blacklist": "table.exclude.list",
    "column.whitelist": "column.include.list",
    "column.blacklist": "column.exclude.list",
    "schema.whitelist": "schema.include.list",
    "schema.blacklist": "schema.exclude.list",
    "database.whitelist": "database.names",
    "slot.drop_on_stop": "slot.drop.on.stop",
    "sanitize.field.names": "field.name.adjustment.mode",
    "toasted.value.placeholder": "unavailable.value.placeholder",
    "transaction.topic": "topic.transaction",
    "truncate.handling.mode": "skipped.operations",
    "source.struct.version": "",
    "source.timestamp.mode": "",
}
_HISTORY = "database.history."
# What stands behind these belongs to somebody else: a Kafka client, a file, an inner switch.
_FAMILIES = (
    "producer.override.",
    "consumer.override.",
    "admin.override.",
    "schema.history.internal.producer.",
    "schema.history.internal.consumer.",
    "signal.consumer.",
    "snapshot.select.statement.overrides.",
    "topic.creation.",
    "internal.",
)
_WITH_NUMBERS = re.compile(
    r"column\.(?:truncate\.to|mask\.with)\.\d+\.chars"
    r"|column\.mask\.hash(?:\.v2)?\.[^.]+\.with\.salt\..+"
)


def check_keys(
    config: Mapping[str, str], *, worker: Collection[str] = (), allow: Collection[str] = ()
) -> Iterator[Finding]:
    """Each key that does nothing, with the right one.

    `worker` are the keys that the worker's plugin lists by itself, `allow` those that a person
    vouches for. Of a connector class that neither side knows, only transforms are looked at.
    """
    plugin = config.get("connector.class", "")
    legal = _legal(plugin, worker)
    for key in config:
        if key in allow:
            continue
        chain = _CHAINS.get(key.partition(".")[0])
        if successor := _successor(key, plugin):
            yield successor
        elif chain and "." in key:
            yield from _link(key, chain, config, worker)
        elif legal and key not in legal and not _in_a_family(key, config):
            yield from _converter(key, config) if _is_converter(key) else (_strange(key, legal),)
    for chain in _CHAINS.values():
        for name in _names(config, chain):
            key = f"{chain}.{name}.type"
            if key not in config and key not in allow:
                yield fail(key, f"{chain} names {name!r} and nothing says its class", f"add {key}")


def _legal(plugin: str, worker: Collection[str]) -> frozenset[str]:
    found = known(plugin)
    if found is None:
        return frozenset(worker)
    driver = {f"{prefix}.{name}" for prefix in ("database", "driver") for name in found.driver}
    return found.keys | driver | frozenset(worker)


def _successor(key: str, plugin: str) -> Finding | None:
    """A key of Debezium 1.x, which 2.x ignores."""
    if key.startswith(_HISTORY):
        new = "schema.history.internal." + key.removeprefix(_HISTORY)
    elif key == "database.dbname" and is_sql_server(plugin):
        new = "database.names"
    elif key in _RENAMED:
        new = _RENAMED[key]
    else:
        return None
    if new and new.startswith("schema.history") and is_postgres(plugin):
        return fail(key, "Debezium's Postgres connector keeps no schema history", "take it out")
    hint = f"write {new} instead" if new else "take it out"
    return fail(key, "a name of Debezium 1.x, which 2.x ignores", hint)


def _in_a_family(key: str, config: Mapping[str, str]) -> bool:
    own = tuple(f"{name}." for name in _names(config, "converters"))
    history = config.get("schema.history.internal", "Kafka")
    if "Kafka" not in history and key.startswith("schema.history.internal."):
        return True
    return key.startswith(_FAMILIES + own) or bool(_WITH_NUMBERS.fullmatch(key))


def _is_converter(key: str) -> bool:
    return key.startswith(("key.converter.", "value.converter.", "header.converter."))


def _converter(key: str, config: Mapping[str, str]) -> Iterator[Finding]:
    side = ".".join(key.split(".")[:2])
    if side not in config:
        yield fail(
            key,
            f"without {side} the worker's own converter is used, with the worker's own options",
            f"add {side}",
        )
        return
    legal = options(config[side], of="converter")
    if legal and key.removeprefix(f"{side}.") not in legal:
        yield _strange(key, {f"{side}.{name}" for name in legal})


def _link(
    key: str, chain: Chain, config: Mapping[str, str], worker: Collection[str]
) -> Iterator[Finding]:
    """An option of one transformation or predicate."""
    name, option = (*key.split(".", 2)[1:], "")[:2]
    names = _names(config, chain)
    if name not in names:
        meant = f"did you mean {chain}.{nearest(name, names)[0]}.{option}? " if names else ""
        yield fail(
            key,
            f"{chain} does not name {name!r}: its options do nothing",
            f"{meant}else add {name} to {chain}",
        )
        return
    legal = options(config.get(f"{chain}.{name}.type", ""), of=chain)
    if legal is not None and option not in legal and key not in worker:
        yield _strange(key, {f"{chain}.{name}.{one}" for one in legal})


def _names(config: Mapping[str, str], chain: str) -> list[str]:
    return [name.strip() for name in config.get(chain, "").split(",") if name.strip()]


def _strange(key: str, legal: Collection[str]) -> Finding:
    """A misspelt key, or one that nobody knows here."""
    best = nearest(key, legal)[0]
    if SequenceMatcher(None, key.lower(), best.lower()).ratio() >= _LIKE:
        return fail(
            key, "the connector does not know this key and ignores it", f"did you mean {best}?"
        )
    return warn(
        key,
        "the connector lists no such key, and ignores what it does not know",
        f"take it out, or vouch for it: --allow {key}",
    )
