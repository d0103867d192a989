"""The inline schemas of the demo's events; the fields are in envelope.json, in wire order."""

import json
from functools import cache
from pathlib import Path
from typing import Any

Fields = list[dict[str, Any]]


@cache
def envelope_schema(topic: str) -> str:
    """The value's schema: the same text in every record of the topic."""
    fields = _fields()
    row = {
        "type": "struct",
        "fields": fields["columns"],
        "optional": True,
        "name": f"{topic}.Value",
    }
    source: dict[str, Any] = {
        "type": "struct",
        "fields": fields["source"],
        "optional": False,
        "name": "io.debezium.connector.sqlserver.Source",
        "field": "source",
    }
    transaction: dict[str, Any] = {
        "type": "struct",
        "fields": fields["transaction"],
        "optional": True,
        "name": "event.block",
        "version": 1,
        "field": "transaction",
    }
    members: Fields = [
        {**row, "field": "before"},
        {**row, "field": "after"},
        source,
        {"type": "string", "optional": False, "field": "op"},
        {"type": "int64", "optional": True, "field": "ts_ms"},
        transaction,
    ]
    return _dumps(members, name=f"{topic}.Envelope", version=1)


@cache
def key_schema(topic: str) -> str:
    """The key's schema."""
    return _dumps(_fields()["columns"][:1], name=f"{topic}.Key")


def _fields() -> dict[str, Fields]:
    text = Path(__file__).with_name("envelope.json").read_text(encoding="utf-8")
    found: dict[str, Fields] = json.loads(text)
    return found


def _dumps(fields: Fields, *, name: str, version: int | None = None) -> str:
    schema = {"type": "struct", "fields": fields, "optional": False, "name": name}
    if version is not None:
        schema["version"] = version
    return json.dumps(schema, separators=(",", ":"))
