"""A trace's forms that need no terminal: a row a layer, and the JSON document."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bictl.trace.report import Layer, Trace

SCHEMA = "bictl.trace/1"


def layer_rows(trace: Trace) -> list[dict[str, Any]]:
    """One row a layer, in the order of the flow."""
    return [_row(layer) for layer in trace.layers]


def verdict_row(trace: Trace) -> dict[str, Any]:
    """The sentence as a row above those of the layers."""
    told = trace.told
    return {"layer": "verdict", "state": told.reason, "said": told.sentence, "repair": told.command}


def as_extra(trace: Trace) -> dict[str, Any]:
    """What the JSON document holds beside its layers; its fields are only ever added to."""
    place, told = trace.place, trace.told
    return {
        "table": trace.table,
        "topic": trace.topic,
        "asked": trace.asked,
        "key": trace.key,
        "record": None
        if place is None
        else {
            "generation": place.generation,
            "generation_no": trace.generation_no,
            "partition": place.partition,
            "offset": place.offset,
        },
        "verdict": told.sentence,
        "reason": told.reason,
        "lost_between": list(told.between) if told.between else None,
        "command": told.command or None,
        "exit_code": trace.exit_code,
        "latency_seconds": {
            "source_to_bronze": _rounded(trace.latency.to_bronze),
            "source_to_vectors": _rounded(trace.latency.to_vectors),
        },
        "payload": trace.payload,
        "events": [_plain(event) for event in trace.events],
        "event_count": trace.event_count,
        "looked": list(trace.looked),
        "not_looked": list(trace.not_looked),
    }


def precise(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(layer: Layer) -> dict[str, Any]:
    return {
        "layer": layer.name,
        "state": layer.state.value,
        "at": _time(layer),
        "seconds": _rounded(layer.seconds),
        "said": "; ".join(layer.said),
        "repair": layer.repair,
        "facts": _plain(layer.facts),
    }


def _time(layer: Layer) -> str | None:
    if layer.at is None:
        return None
    return precise(layer.at).replace(".000Z", "Z") if layer.whole_seconds else precise(layer.at)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _plain(value: Any) -> Any:
    """Rows of Postgres in JSON's types, their times to the millisecond."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        return precise(value)
    if isinstance(value, (datetime, Decimal)):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return value
