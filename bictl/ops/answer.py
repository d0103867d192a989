"""What a look at one thing saw: doctor shows it, verify judges by it."""

from typing import Literal, NamedTuple

State = Literal["ok", "warn", "fail", "unknown", "skipped"]


class Answer(NamedTuple):
    """How it stands; `hint` says what to do about it."""

    state: State
    detail: str
    hint: str | None = None
