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
from bictl.records import OnWait, Stop, never_stop, wait_silently

_FORMAT = "bictl.stack/1"
_SOON = 1.0  # seconds: most waiting is over by then


@dataclass
class State:
    """Ports by name, credentials, and the processes that were last started; `jvm` is whether its
    broker is a real Kafka, with Connect and a source beside it."""

    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    jvm: bool = False


def load(directory: Path) -> State:
    """The state of `directory`, a fresh one where there is none; StageFailed when it is damaged."""
    path = directory / "stack.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        processes = {name: Process(**kept) for name, kept in document["processes"].items()}
        jvm = bool(document.get("jvm", False))
        return State(document["ports"], document["secrets"], processes, jvm)
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
def lock(
    state_dir: Path,
    *,
    patience: float,
    stop: Stop = never_stop,
    on_wait: OnWait = wait_silently,
) -> Iterator[None]:
    """One command at a time starts or stops services here; LockHeld after `patience` seconds.

    The file names its holder; `on_wait` is told it once, where the waiting takes long.
    """
    with _open_lock(state_dir / "stack.lock") as file:
        started, said = time.monotonic(), False
        while not _try_lock(file.fileno()):
            waited = time.monotonic() - started
            held = f"{_holder(file)} is starting or stopping the stack in {state_dir}"
            if stop() or waited > patience:
                raise LockHeld(held, hint="wait for it, then: bictl stack status")
            if not said and waited > _SOON:
                on_wait(f"{held}; waiting up to {patience:g} s")
                said = True
            time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def _holder(file: IO[str]) -> str:
    file.seek(0)
    pid = file.read(20)
    return f"another bictl (pid {pid})" if pid.isdigit() else "another bictl"


def _open_lock(path: Path) -> IO[str]:
    try:
        return open(path, "a+", encoding="utf-8", opener=_without_links)
    except PermissionError:
        raise AccessDenied(
            f"{path} belongs to another user", hint="set BICTL_STATE_DIR to a directory of yours"
        ) from None


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


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
        "source_superuser": secrets.token_urlsafe(24),
        "source": secrets.token_urlsafe(24),
        "s3_access_key_id": secrets.token_hex(10).upper(),
        "s3_secret_access_key": secrets.token_urlsafe(30),
    }
