"""Reading the settings: which file, which environment, which flag won, and what was misspelt."""

import dataclasses
import os
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from bictl.errors import ConfigError, nearest
from bictl.settings.secret import Secret
from bictl.settings.values import PRODUCT, Names, Settings, Table

NOT_SETTINGS = {"BICTL_CONFIG", "BICTL_STATE_DIR", "BICTL_PROFILE", "BICTL_DEBUG"}
_SECTIONS: dict[str, type] = {
    name: kind
    for name, kind in typing.get_type_hints(Settings).items()
    if dataclasses.is_dataclass(kind) and isinstance(kind, type)
}


@dataclass(frozen=True)
class Override:
    """A value from a flag: `section.key`, the value, the flag's own name."""

    key: str
    value: Any
    flag: str


def state_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Where locks, caches, dbt's target and the local stack live."""
    if chosen := environment.get("BICTL_STATE_DIR"):
        return Path(chosen).expanduser().absolute()
    if chosen := environment.get("XDG_STATE_HOME"):
        return Path(chosen).expanduser().absolute() / "bictl"
    if os.geteuid() == 0:
        return Path("/var/lib/bictl")
    return Path("~/.local/state/bictl").expanduser()


def config_paths(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The places where a configuration is looked for, nearest first; the first that exists wins."""
    home = Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return [
        Path("bictl.toml"),
        home / "bictl" / "config.toml",
        Path("/etc/bictl/config.toml"),
    ]


def load(
    *,
    config: str | None = None,
    profile: str | None = None,
    overrides: tuple[Override, ...] = (),
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings of this run.

    Without any configuration file a running local stack's own one is used. Raises ConfigError,
    naming file and key, for what cannot be read or is misspelt.
    """
    path, local = find_config(config, environment=environment)
    layers = _Layers()
    chosen = profile or environment.get("BICTL_PROFILE") or None
    if path is not None:
        _add_file(layers, path, chosen)
    elif chosen:
        raise ConfigError(
            f"there is no configuration file, so no profile {chosen!r}",
            hint="write one with `bictl config init`",
        )
    layers.add_environment(environment)
    for item in overrides:
        section, key = item.key.split(".", 1)
        layers.add({section: {key: item.value}}, origin=item.flag)
    return layers.settings(
        path=path, local_stack=local, profile=chosen, state_dir=state_dir(environment)
    )


def check_environment(environment: Mapping[str, str] = os.environ) -> None:
    """ConfigError for a variable that is misspelt, for commands that need no other settings."""
    _Layers().add_environment(environment)


def _add_file(layers: "_Layers", path: Path, chosen: str | None) -> None:
    """The file's sections, and over them those of the chosen profile; every profile is checked."""
    document = _parse(path)
    profiles = document.pop("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
        raise ConfigError(
            f"{path}: profiles must be sections", hint="for example [profiles.staging.kafka]"
        )
    if chosen and chosen not in profiles:
        shown = ", ".join(nearest(chosen, profiles))
        hint = f"existing profiles: {shown}" if shown else "it has none: leave the profile out"
        raise ConfigError(f"{path} has no profile {chosen!r}", hint=hint)
    layers.add(document, origin=str(path))
    others = _Layers()
    for name, sections in profiles.items():
        origin = f"{path} [profiles.{name}]"
        (layers if name == chosen else others).add(sections, origin=origin)
    if layers.holds_secret() or others.holds_secret():
        _refuse_public(path)


def _refuse_public(path: Path) -> None:
    if path.stat().st_mode & 0o007:
        raise ConfigError(
            f"{path} holds a secret and every user can read it",
            hint=f"chmod 600 {path}, or name a file with password_file",
        )


def find_config(
    config: str | None = None, *, environment: Mapping[str, str] = os.environ
) -> tuple[Path | None, bool]:
    """(the file that is used or None, whether it is a running local stack's own)."""
    named = config or environment.get("BICTL_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"the configuration file {named} "
                + ("is not a file" if path.exists() else "does not exist"),
                hint="correct --config or BICTL_CONFIG, or write one with `bictl config init`",
            )
        return path, False
    for path in config_paths(environment):
        if path.is_file():
            return path, False
    stack = state_dir(environment) / "stack" / "bictl.toml"
    try:
        return (stack, True) if stack.is_file() else (None, False)
    except PermissionError:  # somebody else's stack
        return None, False


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8: byte {error.object[error.start]:#04x} at {error.start}",
            hint="save the file as UTF-8",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}",
            hint="correct that line, then: bictl config validate",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", hint=f"give this user the right to read {path}"
        ) from None


class _Layers:
    """Values by `section.key`, later layers over earlier ones, each with its origin."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {name: {} for name in _SECTIONS}
        self.tables: dict[str, dict[str, Any]] = {}
        self.origins: dict[str, str] = {}

    def add(self, document: Mapping[str, Any], *, origin: str) -> None:
        for section, keys in document.items():
            if not isinstance(keys, dict):
                raise ConfigError(
                    f"{origin}: {section!r} stands outside of a section",
                    hint=f"sections are {', '.join(_SECTIONS)} and tables.<name>",
                )
            if section == "tables":
                for name, table in keys.items():
                    self._add_keys(f"tables.{name}", table, Table, origin)
            elif section in _SECTIONS:
                self._add_keys(section, keys, _SECTIONS[section], origin)
            else:
                _unknown("section", section, [*_SECTIONS, "tables", "profiles"], origin)

    def holds_secret(self) -> bool:
        """Whether a secret stands in the layers themselves: not in a file, not behind a command."""
        return any(
            hint is Secret and self.values[name].get(key)
            for name, kind in _SECTIONS.items()
            for key, hint in typing.get_type_hints(kind).items()
        )

    def add_environment(self, environment: Mapping[str, str]) -> None:
        for variable in sorted(environment):
            if not variable.startswith("BICTL_") or variable in NOT_SETTINGS:
                continue
            words = variable.removeprefix("BICTL_").lower()
            section, _, key = words.partition("_")
            if section == "tables":
                name, _, key = key.partition("_")
                section = f"tables.{name}"
            kind = Table if section.startswith("tables.") else _SECTIONS.get(section)
            if kind is None or not key:
                _unknown("variable", variable, _variables(), "the environment")
            if key not in _fields(kind):
                _unknown("variable", variable, _variables(), "the environment")
            value = _from_text(environment[variable], _fields(kind)[key], variable)
            self._add_keys(section, {key: value}, kind, variable)

    def _add_keys(self, section: str, keys: Any, kind: type, origin: str) -> None:
        if not isinstance(keys, dict):
            raise ConfigError(
                f"{origin}: {section} must be a section of keys", hint=f"write it as [{section}]"
            )
        fields = _fields(kind)
        name = section.removeprefix("tables.")
        target = self.tables.setdefault(name, {}) if kind is Table else self.values[section]
        for key, value in keys.items():
            if key not in fields:
                _unknown(
                    "key", f"{section}.{key}", [f"{section}.{field}" for field in fields], origin
                )
            for other in _displaced(kind, key):
                if other in keys:
                    raise ConfigError(
                        f"{origin}: {section}.{key} and {section}.{other} name one secret twice",
                        hint="keep one of them",
                    )
                target.pop(other, None)
                self.origins.pop(f"{section}.{other}", None)
            target[key] = _checked(value, fields[key], f"{origin}: {section}.{key}")
            self.origins[f"{section}.{key}"] = origin

    def settings(
        self, *, path: Path | None, local_stack: bool, profile: str | None, state_dir: Path
    ) -> Settings:
        sections: dict[str, Any] = {
            name: self._build(kind, self.values[name]) for name, kind in _SECTIONS.items()
        }
        tables = {}
        for name, keys in self.tables.items():
            if "topic" not in keys and name != PRODUCT.name:
                raise ConfigError(
                    f"[tables.{name}] has no topic", hint='add topic = "<the Kafka topic>"'
                )
            base = {"topic": PRODUCT.topic, "embed": PRODUCT.embed} if name == PRODUCT.name else {}
            tables[name] = self._build(Table, {**base, **keys, "name": name})
        if tables:
            sections["tables"] = tables
        return Settings(
            **sections,
            state_dir=state_dir,
            path=path,
            profile=profile,
            local_stack=local_stack,
            origins=self.origins,
        )

    def _build(self, kind: type, values: dict[str, Any]) -> Any:
        plain = dict(values)
        for key, hint in typing.get_type_hints(kind).items():
            if hint is Secret:
                plain[key] = Secret(
                    plain.pop(key, None),
                    file=plain.pop(f"{key}_file", None),
                    command=plain.pop(f"{key}_command", None),
                )
        try:
            return kind(**plain)
        except ConfigError as error:
            found = re.match(r"\[([\w.-]+)\] (\w+)", error.message)
            origin = self.origins.get(f"{found[1]}.{found[2]}") if found else None
            if origin is None:
                raise
            raise ConfigError(f"{origin}: {error.message}", hint=error.hint) from None


def _fields(kind: type) -> dict[str, Any]:
    """Every key that a section takes, with its type; secrets also as `_file` and `_command`."""
    found = typing.get_type_hints(kind, include_extras=True)
    hints = {key: hint for key, hint in found.items() if key != "name"}
    for key in [key for key, hint in hints.items() if hint is Secret]:
        hints[f"{key}_file"] = hints[f"{key}_command"] = str
    return hints


def _displaced(kind: type, key: str) -> list[str]:
    """The other ways to give the same secret: a later layer's way replaces an earlier one's."""
    base = key.removesuffix("_file").removesuffix("_command")
    if typing.get_type_hints(kind).get(base) is not Secret:
        return []
    return [other for other in (base, f"{base}_file", f"{base}_command") if other != key]


def _checked(value: Any, hint: Any, where: str) -> Any:
    if typing.get_origin(hint) is Annotated:  # a list, also written as a text
        value, hint = [value] if isinstance(value, str) else value, typing.get_args(hint)[0]
    plain = str if hint is Secret else typing.get_origin(hint) or hint
    if plain is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if (
        plain is not tuple
        and isinstance(value, plain)
        and not (plain is int and isinstance(value, bool))
    ):
        return value
    raise ConfigError(
        f"{where} must be {_KINDS[plain][0]}, got {_shown(value)}",
        hint=f"write it as {where.rpartition('.')[2]} = {_example(value, plain)}",
    )


def _example(value: Any, plain: Any) -> str:
    """What was probably meant; never the value where a text is wanted, since that may be secret."""
    if plain is int and isinstance(value, str) and value.isdigit():
        return value
    if plain is tuple and isinstance(value, str):
        return f'["{value}"]'
    return _KINDS[plain][1]


_KINDS: dict[Any, tuple[str, str]] = {  # in words, and an example
    str: ("a text", '"…"'),
    int: ("a whole number", "1"),
    bool: ("true or false", "true"),
    tuple: ("a list of texts", '["…"]'),
}


def _shown(value: Any) -> str:
    """The kind of a value, for a message: the value itself may be a secret."""
    kinds = {dict: "a section", list: "a list", float: "a number with a fraction"}
    return kinds.get(type(value)) or _KINDS.get(type(value), (type(value).__name__,))[0]


def _from_text(text: str, hint: Any, variable: str) -> Any:
    if hint is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(
                f"{variable} must be a whole number, got {text!r}", hint=_unset(variable)
            ) from None
    if hint is bool:
        word = text.strip().lower()
        if word in {"1", "true", "yes", "on"} or word in {"0", "false", "no", "off", ""}:
            return word in {"1", "true", "yes", "on"}
        raise ConfigError(f"{variable} must be true or false, got {text!r}", hint=_unset(variable))
    if hint in (tuple[str, ...], Names):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _unset(variable: str) -> str:
    return f"correct {variable} in the environment, or unset it"


def _variables() -> list[str]:
    keys = [
        f"BICTL_{name}_{key}".upper() for name, kind in _SECTIONS.items() for key in _fields(kind)
    ]
    return [*keys, *sorted(NOT_SETTINGS)]


def _unknown(kind: str, name: str, existing: list[str], origin: str) -> typing.NoReturn:
    raise ConfigError(
        f"{origin}: unknown {kind} {name!r}", hint=f"did you mean {nearest(name, existing)[0]!r}?"
    )
