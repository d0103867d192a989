"""What is wrong, or may be, with a connector's configuration."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["fail", "warn"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding: `fail` keeps the configuration from being applied, `warn` only says so.

    `by` is who found it: bictl's own rules, or the worker's validate.
    """

    level: Level
    key: str
    message: str
    hint: str = ""
    by: Literal["rule", "worker"] = "rule"


def fail(key: str, message: str, hint: str = "") -> Finding:
    """A finding that keeps the configuration from being applied."""
    return Finding(level="fail", key=key, message=message, hint=hint)


def warn(key: str, message: str, hint: str = "") -> Finding:
    """A finding that a person should know of."""
    return Finding(level="warn", key=key, message=message, hint=hint)
