"""What the stack keeps between commands: stack.json, and the lock that makes commands wait."""

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from bictl.errors import AccessDenied, LockHeld, StageFailed
from bictl.local.processes import Process

_FORMAT = "bictl.stack/1"


@dataclass
class State:
    """Ports by name, credentials, and the processes that were last started."""

    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)


def load(directory: Path) -> State:
    """The state of `directory`, a fresh one where there is none; StageFailed when it is damaged."""
    path = directory / "stack.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        processes = {name: Process(**kept) for name, kept in document["processes"].items()}
        return State(document["ports"], document["secrets"], processes)
    except FileNotFoundError:
        return _fresh(directory)
    except PermissionError:
        raise AccessDenied(
            f"{path} belongs to another user", hint="set BICTL_STATE_DIR to a directory of yours"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StageFailed(
            f"{path} is damaged: {error}", hint="begin anew: bictl stack down --purge"
        ) from None


def save(directory: Path, state: State) -> None:
    """Write stack.json, whole or not at all."""
    document = {"format": _FORMAT, **asdict(state)}
    write_private(directory / "stack.json", json.dumps(document, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


@contextlib.contextmanager
def lock(state_dir: Path, *, patience: float) -> Iterator[None]:
    """One command at a time starts or stops services here; LockHeld after `patience` seconds."""
    with _open_lock(state_dir / "stack.lock") as file:
        deadline = time.monotonic() + patience
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise LockHeld(
                    f"another command has been starting or stopping the stack for {patience:.0f} s",
                    hint="wait for it, then: bictl stack status",
                )
            time.sleep(0.05)
        yield


def _open_lock(path: Path) -> IO[str]:
    try:
        return path.open("a")
    except PermissionError:
        raise AccessDenied(
            f"{path} belongs to another user", hint="set BICTL_STATE_DIR to a directory of yours"
        ) from None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _fresh(directory: Path) -> State:
    if (directory / "s3").exists():
        raise StageFailed(
            f"{directory} holds data, but its credentials in stack.json are gone",
            hint="begin anew: bictl stack down --purge",
        )
    return State(secrets=_new_secrets())


def _new_secrets() -> dict[str, str]:
    return {
        "postgres_superuser": secrets.token_urlsafe(24),
        "postgres": secrets.token_urlsafe(24),
        "s3_access_key_id": secrets.token_hex(10).upper(),
        "s3_secret_access_key": secrets.token_urlsafe(30),
    }
