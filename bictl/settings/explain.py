"""Every setting with its value as it may be shown, and where it came from."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bictl.settings.secret import Secret
from bictl.settings.values import Settings

DEFAULT = "default"


@dataclass(frozen=True)
class Explained:
    """One key; `shown` has no secret in it, `source` is a file, a variable, a flag or `default`."""

    key: str
    shown: Any
    source: str


def explain(settings: Settings) -> list[Explained]:
    """All keys in the order of the sections; a secret is shown as where it is kept."""
    return [
        found
        for section, values in _sections(settings)
        for key, value in vars(values).items()
        if key != "name"
        for found in [_explained(settings, f"{section}.{key}", value)]
    ]


def secrets(settings: Settings) -> list[Secret]:
    """Every secret that is configured."""
    return [
        value
        for _, values in _sections(settings)
        for value in vars(values).values()
        if isinstance(value, Secret) and value
    ]


def _sections(settings: Settings) -> Iterator[tuple[str, Any]]:
    for name, value in vars(settings).items():
        if dataclasses.is_dataclass(value):
            yield name, value
    for name, table in settings.tables.items():
        yield f"tables.{name}", table


def _explained(settings: Settings, key: str, value: Any) -> Explained:
    if not isinstance(value, Secret):
        shown = list(value) if isinstance(value, tuple) else value
        return Explained(key, shown, settings.origins.get(key, DEFAULT))
    for form in (key, f"{key}_file", f"{key}_command"):
        if form in settings.origins:
            kept = "" if form == key else f" ({value.source})"
            return Explained(key, f"{value}{kept}", settings.origins[form])
    return Explained(key, None, DEFAULT)
