"""Running the command itself: without any service, in processes of its own, after some events."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cron_stages import COUNT, Bictl


@dataclass(frozen=True)
class Completed:
    """A command that ended."""

    stdout: str
    stderr: str
    exit_code: int


@pytest.fixture
def plain_environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of this machine is configured."""
    ours = ("BICTL_", "AWS_", "XDG_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return kept | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "BICTL_STATE_DIR": str(tmp_path / "state"),
    }


@pytest.fixture
def cli_plain(tmp_path: Path, plain_environment: dict[str, str]) -> Callable[..., Completed]:
    """`cli_plain("config", "show")`: runs bictl in a process of its own, in an empty directory."""

    def run(*arguments: str, env: dict[str, str] | None = None, timeout: float = 60) -> Completed:
        done = subprocess.run(
            [sys.executable, "-m", "bictl", *arguments],
            env=plain_environment | (env or {}),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Completed(done.stdout, done.stderr, done.returncode)

    return run


@pytest.fixture
def bictl(settings, tmp_path: Path) -> Iterator[Bictl]:
    """`bictl.start("run")`: the program beside the test, ended at the latest with it."""
    started = Bictl(settings, tmp_path)
    yield started
    started.end()


@pytest.fixture
def produced(settings, produce, fixture_records) -> str:
    """The fixture's last COUNT events in the test's own topic: updates, deletes, re-inserts."""
    topic = settings.table("product").topic
    produce(topic, [(*record, 0) for record in fixture_records("product_schema")[-COUNT:]])
    return topic
