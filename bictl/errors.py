"""Every error that bictl raises on purpose; the exit code is a class attribute.

    BictlError                 1   ran and failed
    ├── StageFailed            1   a stage ran and its own work failed (a dbt node, a bad object)
    ├── UsageError             2   the caller's words or configuration
    │   ├── ConfigError        2     a file, a key, a value
    │   ├── NotFound           2     a topic, table, bucket, connector that is not there
    │   ├── AccessDenied       2     wrong credentials or a missing right
    │   ├── SchemaMismatch     2     bictl's own tables are older or newer than the program
    │   └── MissingDependency  2     an extra that is not installed, a binary not on the path
    ├── Unreachable            4   no answer from a service
    │   └── TimedOut           4     no answer in time
    ├── LockHeld               5   another run holds the lock
    ├── LossError              6   evidence of loss or of a changed identity
    │   ├── TopicRecreated     6     the topic has another id, or another record at our anchor
    │   ├── RetentionPassed    6     Kafka discarded records before they were read
    │   ├── EndBelowFrontier   6     the log ends before what was already read
    │   └── BatchConflict      6     two objects or records claim one offset with different bytes
    └── Interrupted          130   SIGINT (130) or SIGTERM (143) after a clean stop

The message says what was expected and what came; the hint says what to do next.
"""

import difflib
from collections.abc import Iterable
from typing import ClassVar


class BictlError(Exception):
    """The root: a message for a person, and a hint with the next command."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StageFailed(BictlError):
    """A stage ran and its own work failed."""


class UsageError(BictlError):
    """The caller's words are off; running again changes nothing."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file, key or value that cannot be used."""


class NotFound(UsageError):
    """A named thing that is not there; the hint lists what is, nearest first."""

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        existing: Iterable[str] = (),
        where: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(
            f"unknown {kind} {name!r}{f' {where}' if where else ''}",
            hint=hint or _list_nearest(kind, name, sorted(existing)),
        )
        self.kind, self.name = kind, name


class AccessDenied(UsageError):
    """Wrong credentials or a missing right; the hint names the credential's source."""


class SchemaMismatch(UsageError):
    """bictl's database objects are older or newer than this program."""


class MissingDependency(UsageError):
    """Something that has to be installed first."""


class Unreachable(BictlError):
    """No answer from a service."""

    exit_code = 4


class TimedOut(Unreachable):
    """No answer in time."""


class LockHeld(BictlError):
    """Another run holds the lock; the message names its pid, host and age."""

    exit_code = 5


class LossError(BictlError):
    """Evidence of loss or of a changed identity: stops until a person acknowledges it."""

    exit_code = 6


class TopicRecreated(LossError):
    """The topic is not the one that was read before."""


class RetentionPassed(LossError):
    """Kafka discarded a range of offsets before it was read."""


class EndBelowFrontier(LossError):
    """The log ends before what was already read."""


class BatchConflict(LossError):
    """Different records claim the same offsets."""


class Interrupted(BictlError):
    """Stopped by a signal, cleanly; the exit code is 128 + the signal's number."""

    exit_code = 130

    def __init__(self, signal_number: int, message: str = "stopped by a signal") -> None:
        super().__init__(message, hint="run the same command again: it goes on where it stopped")
        self.signal_number = signal_number


def unwritten(error: OSError) -> BictlError:
    """A result that could not be written is never "done"."""
    return BictlError(
        f"the output could not be written: {error.strerror}",
        hint="what was changed stays changed; write the output elsewhere",
    )


def exit_code_of(error: BaseException) -> int:
    """The process's exit code for an error."""
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    return error.exit_code if isinstance(error, BictlError) else 1


def nearest(name: str, existing: Iterable[str]) -> list[str]:
    """`existing`, those closest to `name` first; of equally close ones those that begin alike."""
    wanted = name.lower()

    def distance(item: str) -> tuple[float, bool, str]:
        likeness = difflib.SequenceMatcher(None, wanted, item.lower()).ratio()
        return -likeness, item[:1].lower() != wanted[:1], item

    return sorted(existing, key=distance)


def _list_nearest(kind: str, name: str, existing: list[str]) -> str:
    if not existing:
        return f"there is no {kind} yet"
    shown = nearest(name, existing)[:5]
    more = f" and {len(existing) - 5} more" if len(existing) > 5 else ""
    return f"did you mean {shown[0]!r}? existing: {', '.join(shown)}{more}"
