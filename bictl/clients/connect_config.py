"""A connector's configuration on its way to the worker: what it says to it, and what would change.

https://kafka.apache.org/documentation/#connect_rest
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bictl.settings.redact import mask, redact


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One key that is not the same in what runs and in what shall run; secrets are masked."""

    key: str
    kind: Literal["added", "changed", "removed"]
    old: str | None
    new: str | None


def differences(running: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[Difference, ...]:
    """What a PUT of `wanted` would change, by key; the `name` that the worker adds is none."""
    found = []
    for key in sorted({*running, *wanted} - {"name"}):
        old, new = running.get(key), wanted.get(key)
        if old == new:
            continue
        kind: Literal["added", "changed", "removed"] = (
            "added" if old is None else "removed" if new is None else "changed"
        )
        found.append(Difference(key=key, kind=kind, old=_shown(key, old), new=_shown(key, new)))
    return tuple(found)


def errors_by_key(answer: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What `PUT /connector-plugins/{class}/config/validate` answered; its 200 says nothing.

    Some plugins give an error twice: here it stands once.
    """
    values = {item["definition"]["name"]: item["value"] for item in answer["configs"]}
    return {
        key: tuple(dict.fromkeys(redact(str(one)) for one in value["errors"]))
        for key, value in values.items()
        if value["errors"]
    }


def _shown(key: str, value: str | None) -> str | None:
    return None if value is None else mask(key, value)
