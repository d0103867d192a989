"""Kafka, Connect and Debezium: the jars of infra/jvm/pom.xml, fetched once by Maven into the user's
cache ($XDG_CACHE_HOME/bictl, else ~/.cache/bictl), in a directory named by the sha256 of the pom
and of what is added to them.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from bictl import assets
from bictl.errors import (
    AccessDenied,
    LockHeld,
    MissingDependency,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.local.manifests import PLUGINS, write_manifests
from bictl.records import OnWait, Stop, never_stop, wait_silently

_PATIENCE = 900.0  # seconds for a download of about 85 MB
_POLL = 0.1
_NO_NETWORK = ("transfer artifact", "Unknown host", "onnect", "offline mode", "timed out")


def kept() -> Path:
    """Where this version's jars are, or will be: `libs` and `plugins` in it."""
    pom = assets.path("infra", "jvm", "pom.xml").read_bytes()
    version = hashlib.sha256(pom + repr(PLUGINS).encode()).hexdigest()
    return cache() / f"jvm-{version[:16]}"


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's cache."""
    chosen = environment.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path("~/.cache").expanduser()) / "bictl"


def fetch(*, on_wait: OnWait = wait_silently, stop: Stop = never_stop) -> Path:
    """The directory of the jars, which is not there yet when `stop` said so; `on_wait` is told
    before anything is downloaded.

    Two commands at once download once. Raises MissingDependency without Maven, Unreachable where
    it reaches no repository, StageFailed with its words for the rest.
    """
    found = kept()
    if found.is_dir():
        return found
    with _locked(found.parent, on_wait=on_wait, stop=stop):
        if not found.is_dir():
            _fetch(found, on_wait, stop)
    return found


def _fetch(target: Path, on_wait: OnWait, stop: Stop) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingDependency(
            "Maven (mvn) is missing: it fetches Kafka, Connect and Debezium",
            hint="install it (Debian: apt-get install maven), or leave out --jvm: the embedded "
            "broker needs no Java",
        )
    for old in target.parent.glob(f"{target.name}.*"):  # of a command that was killed
        shutil.rmtree(old, ignore_errors=True)
    on_wait(
        f"fetching Kafka, Connect and Debezium with Maven into {target} "
        "(about 85 MB from Maven Central, once)"
    )
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        if _run(maven, fresh, stop):
            write_manifests(fresh / "plugins")
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _run(maven: str, fresh: Path, stop: Stop) -> bool:
    """Whether Maven came to its end."""
    pom = assets.path("infra", "jvm", "pom.xml")
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [maven, "-B", "-q", "-f", pom, f"-Ddist={fresh}", "generate-resources"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            ended = _await(child, stop)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if ended and child.returncode:
            output.seek(0)
            raise failure(output.read().decode(errors="replace"), child.returncode)
        return ended


def _await(child: "subprocess.Popen[bytes]", stop: Stop) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while child.poll() is None:
        if stop():
            return False
        if time.monotonic() > deadline:
            raise TimedOut(f"Maven was not done after {_PATIENCE:g} s", hint="run it again")
        time.sleep(_POLL)
    return True


def failure(words: str, code: int) -> Unreachable | StageFailed:
    """What Maven's output comes to: its first error line, and whether it is the network's."""
    lines = [line.removeprefix("[ERROR]").strip() for line in words.splitlines() if line.strip()]
    told = next((line for line in lines if line), f"it ended with {code}")[:600]
    if any(sign in words for sign in _NO_NETWORK):
        return Unreachable(
            f"Maven could not fetch Kafka, Connect and Debezium: {told}",
            hint="it needs Maven Central, or a mirror in ~/.m2/settings.xml; once fetched, the "
            "jars stay in the cache",
        )
    return StageFailed(
        f"Maven could not fetch Kafka, Connect and Debezium: {told}",
        hint=f"try it by hand: mvn -f {assets.path('infra', 'jvm', 'pom.xml')} "
        "-Ddist=/tmp/jars generate-resources",
    )


@contextlib.contextmanager
def _locked(directory: Path, *, on_wait: OnWait, stop: Stop) -> Iterator[None]:
    with _open(directory) as file:
        said, deadline = False, time.monotonic() + _PATIENCE
        while not _try_lock(file):
            if not said:
                on_wait("another bictl is fetching Kafka's jars; waiting for it")
                said = True
            if stop() or time.monotonic() > deadline:
                raise LockHeld(
                    f"another bictl is fetching Kafka's jars into {directory}",
                    hint="wait for it, then run it again",
                )
            time.sleep(_POLL)
        yield


def _open(directory: Path) -> IO[str]:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (directory / "jvm.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise AccessDenied(
            f"cannot use the cache {directory}: {error.strerror}",
            hint="set XDG_CACHE_HOME to a directory of yours",
        ) from None


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
