"""Taking secrets out of a text before anybody sees it."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from bictl.settings.secret import Secret
from bictl.settings.values import Settings

# Names whose values are never shown, in a connector's configuration or a table of settings.
SECRET_NAME = re.compile(r"pass|secret|token|credential|private.?key|sasl.jaas", re.IGNORECASE)
# `${file:/etc/secrets:password}` names a secret for the worker's ConfigProvider and is none.
REFERENCE = re.compile(r"\$\{[^{}]+\}")

_USERINFO = re.compile(r"(?<=://)[^\s/'\"<>]+@")
_JAAS = re.compile(r"(sasl[._]jaas[._]config[\"']?\s*[=:]\s*)[^;\n]+", re.IGNORECASE)
_PAIR = re.compile(
    r"((?:pass(?:word|wd|phrase)|pwd|secret|token)[\w.\-]*[\"']?\s*[=:]\s*)"
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&}\])]+)",
    re.IGNORECASE,
)
_ENVIRONMENT = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD")
_SHORTEST = 4  # a shorter secret is only known by the name that stands before it


class Redactor:
    """Replaces the known secrets by `***`, and what looks like one by its name.

    A secret in a file or behind a command counts from the moment it was read: cleaning a text
    never reads one.
    """

    def __init__(
        self, secrets: Iterable[Secret] = (), *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._secrets = list(secrets)
        self._fixed = {
            value for name in _ENVIRONMENT if (value := (environment or {}).get(name, ""))
        }

    @classmethod
    def of(cls, settings: Settings, *, environment: Mapping[str, str] | None = None) -> "Redactor":
        """For every secret of the settings and of the vendors' own environment variables."""
        sections = [value for value in vars(settings).values() if dataclasses.is_dataclass(value)]
        found = [item for section in sections for item in vars(section).values()]
        return cls([item for item in found if isinstance(item, Secret)], environment=environment)

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known():
            text = text.replace(secret, "***")
        text = _USERINFO.sub("***@", text)
        return _PAIR.sub(r"\1***", _JAAS.sub(r"\1***", text))

    def clean_all(self, value: Any) -> Any:
        """`value` with every text in it cleaned; values under a secret's name become `***`."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {
                key: "***" if SECRET_NAME.search(str(key)) and item else self.clean_all(item)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.clean_all(item) for item in value]
        return value

    def _known(self) -> list[str]:
        """Every known secret in every form it may be written in, the longest first."""
        plain = self._fixed | {known for item in self._secrets if (known := item.known)}
        forms = {
            form
            for secret in plain
            if len(secret) >= _SHORTEST
            for form in (secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1])
        }
        return sorted(forms, key=len, reverse=True)


def mask(name: str, value: str) -> str:
    """The value of a connector's key as it may be shown: `***` under a secret's name.

    References to a ConfigProvider stay, and so does the frame of a URL with a password in it.
    """
    if SECRET_NAME.search(name) and value and not REFERENCE.fullmatch(value):
        return "***"
    return _USERINFO.sub("***@", _PAIR.sub(r"\1***", value))
