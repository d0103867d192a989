"""Taking secrets out of a text before anybody sees it."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bictl.settings.secret import seen_secrets

# Names whose values are never shown, in a connector's configuration or a table of settings.
SECRET_NAME = re.compile(r"pass|secret|token|credential|private.?key|sasl.jaas", re.IGNORECASE)
# `${file:/etc/secrets:password}` names a secret for the worker's ConfigProvider and is none.
REFERENCE = re.compile(r"\$\{[^{}]+\}")

_USERINFO = re.compile(r"(?<=://)[^\s/'\"<>]+@")
_JAAS = re.compile(r"(sasl[._]jaas[._]config[\"']?\s*[=:]\s*)[^;\n]+", re.IGNORECASE)
_PAIR = re.compile(
    r"((?:pass(?:word|wd|phrase)|pwd|secret|token(?!s))[\w.\-]*[\"']?\s*[=:]\s*)"
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&}\])]+)",
    re.IGNORECASE,
)
_ENVIRONMENT = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD")
_SHORTEST = 4  # a shorter secret is only known by the name that stands before it


def redact(text: str) -> str:
    """The text with the secrets that this process has read as `***`, and with what stands behind
    a secret's name. A secret in a file or behind a command counts once it was read."""
    for secret in _known():
        text = text.replace(secret, "***")
    text = _USERINFO.sub("***@", text)
    return _PAIR.sub(r"\1***", _JAAS.sub(r"\1***", text))


def redact_all(value: Any) -> Any:
    """`value` with every text in it redacted; values under a secret's name become `***`."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            key: "***" if SECRET_NAME.search(str(key)) and item else redact_all(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact_all(item) for item in value]
    return value


def mask(name: str, value: str) -> str:
    """The value of a connector's key as it may be shown: `***` under a secret's name.

    References to a ConfigProvider stay, and so does the frame of a URL with a password in it.
    """
    if SECRET_NAME.search(name) and value and not REFERENCE.fullmatch(value):
        return "***"
    return _USERINFO.sub("***@", _PAIR.sub(r"\1***", value))


def _known() -> list[str]:
    """Every known secret in every form that it may be written in, the longest first."""
    plain = seen_secrets() | {os.environ.get(name, "") for name in _ENVIRONMENT}
    forms = {
        form
        for secret in plain
        if len(secret) >= _SHORTEST
        for form in (secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1])
    }
    return sorted(forms, key=len, reverse=True)
