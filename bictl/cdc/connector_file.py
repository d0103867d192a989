"""A connector as it stands in a file: {"name": …, "config": {…}}, or the bare configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bictl.errors import BictlError, ConfigError, NotFound
from bictl.settings import Secret
from bictl.settings.redact import REFERENCE, SECRET_NAME

_LARGEST = 1024 * 1024  # bytes; a connector has some kilobytes
# What GET /connectors/NAME adds to name and config: a saved answer is a file too.
_ANSWER = {"name", "config", "tasks", "type"}
_SHAPE = '{"name": "…", "config": {"connector.class": "…", …}}, or the configuration alone'


@dataclass(frozen=True)
class ConnectorFile:
    """A connector to be: its configuration without `name`, each value as the worker keeps it."""

    name: str
    config: Mapping[str, str] = field(repr=False)  # secrets may stand in it
    place: str

    @property
    def plugin(self) -> str:
        """The connector's class."""
        return self.config.get("connector.class", "")

    @property
    def database(self) -> str:
        """host:port of the source, as the worker is told to reach it; "" without one."""
        host = self.config.get("database.hostname", "")
        port = self.config.get("database.port", "")
        if REFERENCE.search(host + port):
            return "the address behind the file's ${…} references"
        return f"{host}:{port}" if port else host


def read(path: Path, *, name: str | None = None) -> ConnectorFile:
    """The connector of a file; `name` is for one that has none, and must be its name otherwise.

    Raises ConfigError with line and column where it is no JSON, NotFound when there is no file.
    """
    try:
        with path.open("rb") as file:
            body = file.read(_LARGEST + 1)
    except FileNotFoundError:
        folder = path.parent
        there = [str(one) for one in _json_files(folder)]
        raise NotFound(
            "file",
            str(path),
            existing=there,
            hint=None if there else f"there is no JSON file in {folder.absolute()}",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", hint="name a connector's JSON file"
        ) from None
    return parse(body, place=str(path), name=name)


def parse(body: bytes, *, place: str, name: str | None = None) -> ConnectorFile:
    """The connector that a file's bytes hold; `place` is how the file is called in errors."""
    document = _document(body, place)
    inner = document.get("config")
    if isinstance(inner, dict):
        strangers = sorted(set(document) - _ANSWER)
        if strangers:
            raise ConfigError(
                f"{place}: {strangers[0]!r} stands beside name and config, where it does nothing",
                hint="move it into config, or take it out",
            )
        names = [document.get("name"), inner.pop("name", None), name]
    else:
        if "connector.class" not in document:
            raise ConfigError(f"{place} holds no connector", hint=f"write it as {_SHAPE}")
        inner, names = document, [document.pop("name", None), name]
    config = {key: _text(place, key, value) for key, value in inner.items()}
    _remember_secrets(config)
    return ConnectorFile(_one_name(place, names), config, place)


def folder(path: Path) -> tuple[ConnectorFile, ...]:
    """Every connector in a directory, by name; a file that holds none is left out."""
    found = []
    for file in _json_files(path):
        try:
            found.append(read(file))
        except BictlError:
            continue
    return tuple(sorted(found, key=lambda one: one.name))


def _json_files(path: Path) -> list[Path]:
    try:
        return sorted(file for file in path.iterdir() if file.suffix == ".json")
    except OSError:
        return []


def _document(body: bytes, place: str) -> dict[str, Any]:
    if len(body) > _LARGEST:
        raise ConfigError(f"{place} is larger than a connector", hint=f"it holds {_SHAPE}")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """JSON lets a key come twice, and the last one wins silently."""
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ConfigError(f"{place}: {twice!r} stands there twice", hint="keep one of them")
        return found

    try:
        found = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=once, parse_float=str, parse_int=str
        )
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{place} is not UTF-8 at byte {error.start}", hint="save it as UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{place}:{error.lineno}:{error.colno}: no JSON: {error.msg}", hint=_json_hint(error)
        ) from None
    except RecursionError:
        raise ConfigError(f"{place} holds no connector", hint=f"it holds {_SHAPE}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{place} holds no JSON object", hint=f"write it as {_SHAPE}")
    return found


def _json_hint(error: json.JSONDecodeError) -> str:
    before = error.doc[: error.pos].rstrip()
    if not error.doc.strip():
        return f"the file is empty; it holds {_SHAPE}"
    if before.endswith(",") and error.doc[error.pos : error.pos + 1] in ("}", "]"):
        return "take out the comma behind the last value"
    if error.doc[error.pos :].lstrip()[:1] in ("/", "#"):
        return "JSON has no comments"
    return "correct it there, or shortly before"


def _text(place: str, key: str, value: object) -> str:
    """A value as the worker keeps it: a number or a boolean becomes its text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    what = "a list" if isinstance(value, list) else "null" if value is None else "an object"
    hint = "write its items with commas between them" if isinstance(value, list) else "give a text"
    raise ConfigError(f"{place}: {key} is {what}; a connector's values are texts", hint=hint)


def _one_name(place: str, names: list[object]) -> str:
    """The name that all of them agree on."""
    said = sorted({str(one) for one in names if one is not None})
    if not said or not said[0]:
        raise ConfigError(
            f"{place} does not say the connector's name",
            hint='add "name" to the file, or say --name NAME',
        )
    if len(said) > 1:
        raise ConfigError(
            f"{place}: two names for one connector: {said[0]!r} and {said[1]!r}",
            hint=f"a renamed connector is a new one: it starts with a snapshot; keep {said[0]!r} "
            f"or {said[1]!r}",
        )
    return said[0]


def _remember_secrets(config: Mapping[str, str]) -> None:
    """Literal passwords become known, so that no message shows them.

    Not one that is also part of another value (user cord, password cord): nobody could read the
    messages any more, and it is no secret either.
    """
    open_values = [value for key, value in config.items() if not SECRET_NAME.search(key)]
    for key, value in config.items():
        literal = SECRET_NAME.search(key) and not REFERENCE.search(value)
        if literal and not any(value in other for other in open_values):
            Secret(value)
