"""What every command promises to a crontab: no terminal, no home, closed streams, full disks.

The commands are found in the program itself: one that has no entry in CASES fails here.
"""

import importlib
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import typer
from connect_replay import Replay

from bictl import assets
from bictl.cli.app import COMMANDS, VERDICT_FORMATS
from bictl.local.stack import Stack
from bictl.settings.values import PRODUCT

NOBODY = "127.0.0.1:1"  # a port that is closed
NO_KAFKA = {"BICTL_KAFKA_BOOTSTRAP_SERVERS": NOBODY}
NO_STORE = {"BICTL_S3_ENDPOINT_URL": f"http://{NOBODY}"}
NO_POSTGRES = {"BICTL_POSTGRES_HOST": "127.0.0.1", "BICTL_POSTGRES_PORT": "1"}
NO_CONNECT = {"BICTL_CONNECT_URL": f"http://{NOBODY}"}
NO_SOURCE = {
    "BICTL_SQLSERVER_HOST": "127.0.0.1",
    "BICTL_SQLSERVER_PORT": "1",
    "BICTL_SQLSERVER_USER": "reader",
    "BICTL_SQLSERVER_PASSWORD": "unused",
}
NO_CONFIGURATION = {"BICTL_CONFIG": "/nowhere/bictl.toml"}
CONNECTOR = json.loads(
    assets.path("infra", "kafka-connect", "connectors", "sqlserver-product.json").read_text()
)
NO_STATE = {"BICTL_STATE_DIR": "/dev/null/state"}


@dataclass(frozen=True)
class Case:
    """How a command succeeds, and how it fails.

    `arguments` are None where nothing is there to succeed with: all is well on this machine.
    `asks` commands have no result but the one that they were asked for, so -q does not keep it
    back; `mute` ones write nothing on stdout at all, `telling` ones what they know when they fail.
    """

    arguments: tuple[str, ...] | None = ()
    failing: tuple[str, ...] | None = None  # else the same
    without: dict[str, str] = field(default_factory=lambda: dict(NO_POSTGRES))
    code: int = 4
    asks: bool = False
    mute: bool = False
    telling: bool = False


CASES = {
    "run": Case(without=NO_KAFKA),
    "ingest": Case(without=NO_KAFKA),
    "load-bronze": Case(without=NO_STORE),
    "transform": Case(),
    "embed": Case(),
    "search": Case(("pump",), asks=True),
    "verify": Case(without=NO_KAFKA | NO_STORE | NO_POSTGRES | NO_CONNECT),
    "trace": Case(("--offset", "0:1"), without=NO_KAFKA | NO_STORE | NO_POSTGRES),
    "cdc status": Case(without=NO_CONNECT),
    "cdc validate": Case(None, failing=("/nowhere.json",), without={}, code=2),
    "cdc apply": Case(None, failing=("/nowhere.json",), without={}, code=2),
    "cdc restart": Case(None, failing=("--yes",), without=NO_CONNECT),
    "cdc pause": Case(None, failing=("--yes",), without=NO_CONNECT),
    "cdc resume": Case(None, failing=("--yes",), without=NO_CONNECT),
    "cdc stop": Case(None, failing=("--yes",), without=NO_CONNECT),
    "cdc delete": Case(None, failing=("x", "--yes"), without=NO_CONNECT),
    "cdc snapshot": Case(None, failing=("--yes",), without=NO_CONNECT),
    "cdc plugins": Case(None, failing=(), without=NO_CONNECT),
    "cdc offsets show": Case(None, failing=(), without=NO_CONNECT),
    "cdc offsets reset": Case(None, failing=("--yes",), without=NO_CONNECT),
    "cdc enable": Case(failing=("--retention", "nonsense"), without={}, code=2, asks=True),
    "cdc check": Case(None, failing=(), without=NO_SOURCE),
    "status": Case(without=NO_KAFKA | NO_STORE | NO_POSTGRES),
    "runs": Case(asks=True),
    "runs list": Case(asks=True),
    # a run's own log tells what Postgres cannot
    "runs show": Case(("RUN",), failing=("ffffffff",), asks=True),
    "runs last": Case(asks=True),
    "doctor": Case(without=NO_KAFKA),
    "demo": Case(("--products", "60", "--changes", "0"), without=NO_STATE, code=2),
    "stack up": Case(without=NO_STATE, code=2),
    "stack down": Case(failing=("--nonsense",), without={}, code=2),
    "stack status": Case(without={"BICTL_STATE_DIR": "/nowhere"}, asks=True),
    "stack config": Case(without=NO_STATE, code=2, asks=True),
    "migrate": Case(),
    "repair": Case(),
    "prune": Case(("--before", "90d", "--yes"), failing=("--before", "90d"), without={}, code=2),
    "tables add": Case(None, failing=("--topic", "cord.ConcordDb.dbo.New"), without=NO_KAFKA),
    "tables sync": Case(without=NO_KAFKA),
    "tables list": Case(asks=True, telling=True),
    "quarantine list": Case(asks=True),
    "quarantine show": Case(None, failing=("0:1",), without={}, code=2, asks=True),
    "quarantine retry": Case(("--all",)),
    "ack": Case(without=NO_STORE, asks=True),
    "config show": Case(without=NO_CONFIGURATION, code=2, asks=True),
    "config validate": Case(without=NO_CONFIGURATION, code=2, mute=True),
    "config init": Case(("--stdout",), failing=("/dev/null/x",), without={}, code=2, asks=True),
    "config path": Case(without=NO_CONFIGURATION, code=2, asks=True),
}


def commands() -> list[str]:
    """Every command as it is typed, from the program's own tree."""
    found: list[str] = []

    def walk(name: str, command: object) -> None:
        inner = getattr(command, "commands", None)
        if inner is None or getattr(command, "invoke_without_command", False):
            found.append(name)
        for child, below in (inner or {}).items():
            walk(f"{name} {child}", below)

    for name, entry in COMMANDS.items():
        walk(name, typer.main.get_command(importlib.import_module(f"bictl.cli.{entry.module}").app))
    return found


def forms(command: str) -> tuple[str, ...]:
    """The values of -o that a command takes."""
    more = VERDICT_FORMATS if command == "verify" else ()
    return ("table", "tsv", "json", "jsonl", *more)


KNOWN = [name for name in commands() if name in CASES]
EACH = pytest.mark.parametrize("command", KNOWN)
SUCCEEDING = pytest.mark.parametrize(
    "command", [name for name in KNOWN if CASES[name].arguments is not None]
)


def test_every_command_has_its_place_here():
    assert sorted(commands()) == sorted(CASES)


@dataclass(frozen=True)
class Ended:
    """A shell line that ended."""

    code: int
    out: str
    err: str

    @property
    def spoken(self) -> list[str]:
        """The first word of each line on stderr."""
        return [line.partition(":")[0] for line in self.err.splitlines()]


class Cron:
    """Runs shell lines as cron does: no terminal, no HOME, a short PATH, LANG=C, from `/`."""

    def __init__(self, state: Path, connect: str) -> None:
        self.state, self._connect = state, connect
        self.run_id = ""

    def __call__(self, line: str, *, env: dict[str, str] | None = None) -> Ended:
        """`bictl` in the line is the program; bash, with pipefail."""
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C",
            "BICTL_STATE_DIR": str(self.state),
            "BICTL_CONNECT_URL": self._connect,
            **(env or {}),
        }
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{self._prelude}\n{line}"],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            start_new_session=True,  # no controlling terminal either
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @property
    def _prelude(self) -> str:
        return f'umask 077; bictl() {{ {sys.executable} -m bictl "$@"; }}'

    def words(self, command: str, arguments: tuple[str, ...]) -> str:
        """The command with its arguments, as it stands behind `bictl`."""
        return " ".join([command, *arguments]).replace("RUN", self.run_id)

    def succeeding(self, command: str) -> str:
        """The words with which the command succeeds."""
        return self.words(command, CASES[command].arguments or ())

    def failing(self, command: str) -> tuple[str, dict[str, str]]:
        """The words and the environment with which it fails."""
        case = CASES[command]
        chosen = (case.arguments or ()) if case.failing is None else case.failing
        return self.words(command, chosen), case.without


@pytest.fixture(scope="module")
def cron() -> Iterator[Cron]:
    """A machine on which the demo has run; what a test ended is started again."""
    state = Path(os.environ["TESTS_OF_BICTL"]) / f"cron-{secrets.token_hex(4)}"
    with closing(Replay()) as worker:
        worker.give("root", "connector_plugins").connector(
            "status_running",
            name=CONNECTOR["name"],
            config=CONNECTOR["config"],
            topic=PRODUCT.topic,
        )
        found = Cron(state, worker.url)
        done = found("bictl -q demo --products 60 --changes 30")
        assert (done.code, done.err) == (0, "")
        found.run_id = found("bictl runs list --limit 1").out.split("\t")[0]
        yield found
    Stack(state).purge()


@pytest.fixture(autouse=True)
def running(request, cron):
    """`stack down` ends what the next test needs."""
    yield
    if "stack down" in request.node.name:
        assert cron("bictl -q stack up").code == 0


def one_pair(ended: Ended) -> bool:
    """Whether stderr holds one error and one hint; a hint may have more lines."""
    return ended.spoken[:1] == ["error"] and [
        ended.spoken.count(word) for word in ("error", "hint")
    ] == [1, 1]


@SUCCEEDING
def test_quiet_success_says_nothing_with_stdin_closed(cron, command):
    done = cron(f"bictl -q {cron.succeeding(command)} <&-")
    assert (done.code, done.err) == (0, "")
    assert bool(done.out) <= CASES[command].asks


@EACH
def test_a_failure_is_one_error_and_one_hint_with_its_code(cron, command):
    words, env = cron.failing(command)
    done = cron(f"bictl -q --timeout 20 {words} <&-", env=env)
    assert one_pair(done), done
    assert "bug in bictl" not in done.err
    assert (done.code, done.out != "") == (CASES[command].code, CASES[command].telling), done


@EACH
def test_closed_streams_change_no_exit_code(cron, command):
    if CASES[command].arguments is not None:
        assert cron(f"bictl {cron.succeeding(command)} >&- 2>&- <&-").code == 0
    words, env = cron.failing(command)
    assert cron(f"bictl --timeout 20 {words} >&- 2>&- <&-", env=env).code == CASES[command].code


@SUCCEEDING
def test_a_result_that_cannot_be_written_is_never_done(cron, command):
    done = cron(f"bictl -o json {cron.succeeding(command)} > /dev/full")
    if CASES[command].mute:
        assert done.code == 0
        return
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert errors == ["error: the output could not be written: No space left on device"]
    assert done.code == 1


@SUCCEEDING
def test_narration_that_nobody_hears_changes_nothing(cron, command):
    done = cron(f"bictl {cron.succeeding(command)} 2> /dev/full")
    assert done.code == 0, done


@SUCCEEDING
def test_a_reader_that_leaves_early_is_no_error(cron, command):
    many = ("tsv",) if command == "demo" else forms(command)
    for form in many:
        done = cron(f"bictl -q {cron.succeeding(command)} -o {form} | head -1")
        assert (done.code, done.err) == (0, ""), form
        assert done.out.count("\n") <= 1


@pytest.mark.parametrize("words", ["prune --before 1d", "prune --below 0:1"])
def test_nothing_is_asked_without_a_terminal(cron, words):
    done = cron(f"bictl {words} <&-")
    assert (done.code, one_pair(done)) == (2, True)
    assert re.search(r"--yes", done.err)
