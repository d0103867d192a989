"""A table with some of everything on its way, and stages that wait where a test wants them to."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from environment import plain_environment

from bictl import assets
from bictl.clients import Clients
from bictl.settings import Settings

COUNT = 300  # records of the fixture, with updates, deletes and re-inserts among them
SLOW_TEST = "select 1 as x from {{ ref('stg_product') }} where pg_sleep(600) is null"
# Where a stage can be made to wait: a lock that another connection holds.
GATES = {
    "load-bronze": "lock table bronze.product_cdc in share mode",
    "embed": "lock table analytics_features.product_embeddings in share mode",
    "verify": "lock table bronze.product_cdc in access exclusive mode",
}


def one_and_swept(first: Any, *others: Any) -> list[Any]:
    """The values of a parameter of which the suite takes the first and `make sweep` the others."""
    return [first, *(pytest.param(other, marks=pytest.mark.sweep) for other in others)]


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Waits for it; AssertionError when it does not come to that."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


class Bictl:
    """Starts the program in processes of their own, ended at the latest with the test."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings, self._directory = settings, directory
        self._started: list[subprocess.Popen[str]] = []

    def start(
        self,
        *words: str,
        env: dict[str, str] | None = None,
        runner: tuple[str, ...] = ("-m", "bictl"),
    ) -> subprocess.Popen[str]:
        """A running `bictl …`, its output in pipes."""
        plain = plain_environment()
        process = subprocess.Popen(
            [sys.executable, *runner, *words],
            env={
                **plain,
                "BICTL_CONFIG": str(self.settings.path),
                "BICTL_STATE_DIR": str(self.settings.state_dir),
                **(env or {}),
            },
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kills what still runs."""
        for process in self._started:
            process.kill()
            process.communicate()


@contextmanager
def closed_gate(
    clients: Clients, stage: str, gates: Mapping[str, str] = GATES
) -> Iterator[Callable[[], None]]:
    """The stage waits in Postgres until the block is left or the gate is opened."""
    holder = clients.new_database()
    holder.execute("begin")
    holder.execute(gates[stage])
    try:
        yield holder.close
    finally:
        holder.close()


def is_waiting(clients: Clients) -> bool:
    """Whether some session waits for a lock of a table in this database."""
    return bool(
        clients.database.value(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
    )


def runs_query(clients: Clients, pattern: str) -> bool:
    """Whether a query that matches is at work in this database."""
    return bool(
        clients.database.value(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and state = 'active' and query ~ %s",
            [pattern],
        )
    )


def slow_project(directory: Path) -> dict[str, str]:
    """The environment that names a dbt project one of whose tests never ends."""
    project = directory / "project"
    shutil.copytree(assets.path("dbt"), project, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "tests").mkdir(exist_ok=True)
    (project / "tests" / "slow.sql").write_text(SLOW_TEST)
    return {"BICTL_DBT_PROJECT_DIR": str(project)}


def dbt_of(pid: int) -> list[int]:
    """The child processes of `pid` that are dbt."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if b"dbt" in Path(f"/proc/{one}/cmdline").read_bytes()]


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """The processes stand still inside the block; one that ended meanwhile needs nothing."""
    _send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(pids, signal.SIGCONT)


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def with_children(pid: int) -> list[int]:
    """A process and those that it started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, found)]
