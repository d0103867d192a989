"""bictl cdc status: rows, words and the exit code of a health check."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from connect_replay import STARTING, Replay, saved

STREAMING = saved("offsets_streaming")["body"]["offsets"]


@pytest.fixture
def replay():
    found = Replay()
    yield found
    found.close()


@pytest.fixture
def status(cli_plain, replay):
    def run(*arguments: str, **environment: str):
        env = {"BICTL_CONNECT_URL": replay.url} | environment
        return cli_plain(*arguments[:-1], "cdc", "status", arguments[-1], env=env)

    return run


def test_without_a_worker_in_the_configuration_it_says_what_to_add(cli_plain):
    done = cli_plain("cdc", "status")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: [connect] url is not configured\nhint: add the worker")
    assert '[connect]\nurl = "http://localhost:8083"' in done.stderr


def test_a_healthy_connector_is_one_row_and_exit_0(status, replay):
    replay.connector("status_running", offsets=STREAMING)
    done = status("--json")
    [row] = json.loads(done.stdout)["rows"]
    assert done.exit_code == 0
    assert done.stderr.startswith("pg-product: its newest event is not known: connect to Kafka")
    assert row == {
        "connector": "pg-product",
        "health": "ok",
        "state": "RUNNING",
        "task": 0,
        "task_state": "RUNNING",
        "worker": "127.0.0.1:28083",
        "mode": "streaming",
        "position": "lsn 0/290CD70",
        "at": "2026-11-22T23:16:51Z",
        "reason": "",
        "kind": "source",
        "plugin": "PostgresConnector",
        "error": "",
        "topics": ["cord.public.product"],
        "hint": None,
        "snapshot": "",
        "newest": None,
        "delay": None,
    }


def test_a_failed_task_is_said_with_its_root_cause_and_exit_1(status, replay):
    replay.connector("status_pg_down", offsets=STREAMING)
    done = status("-otsv")
    assert done.exit_code == 1
    assert done.stdout.split("\t")[:2] == ["pg-product", "fail"]
    assert "java.net.ConnectException: Connection refused" in done.stderr
    assert "hint: remove the cause, then: bictl cdc restart pg-product" in done.stderr


def test_the_quiet_check_is_silent_when_well_and_one_pair_when_not(status, replay):
    replay.connector("status_running", offsets=STREAMING)
    done = status("-q", "pg-product")
    assert (done.stdout, done.stderr, done.exit_code) == ("", "", 0)


@pytest.mark.parametrize("saved_status", ["status_paused", "status_stopped"])
def test_a_connector_at_rest_exits_3(status, replay, saved_status):
    replay.connector(saved_status)
    done = status("-q")
    assert done.exit_code == 3
    assert done.stdout == ""
    assert "changes are not captured" in done.stderr


def test_a_worker_without_connectors_exits_3(status, replay):
    replay.give("connectors_empty")
    done = status("-q")
    assert done.exit_code == 3
    assert "has no connector: nothing is captured" in done.stderr


def test_an_unknown_connector_lists_what_exists(status, replay):
    replay.connector("status_running")
    done = status("pg-prodct")
    assert done.exit_code == 2
    assert "did you mean 'pg-product'?" in done.stderr


def test_a_starting_worker_and_a_silent_one_exit_4(status, replay):
    replay.raw("/connectors?expand=status&expand=info", *STARTING)
    done = status("-q")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "is starting" in done.stderr
    replay.answers.clear()
    replay.hang("/connectors?expand=status&expand=info")
    done = status("--timeout", "1", "-q")
    assert (done.exit_code, done.stdout) == (4, "")


def test_a_dead_port_exits_4(cli_plain):
    done = cli_plain("cdc", "status", env={"BICTL_CONNECT_URL": "http://127.0.0.1:1"})
    assert (done.exit_code, done.stdout) == (4, "")
    assert "no Kafka Connect at http://127.0.0.1:1" in done.stderr


def test_a_change_needs_a_person_or_yes(cli_plain, replay):
    for words in (
        ("pause",),
        ("resume",),
        ("stop",),
        ("restart",),
        ("delete", "x"),
        ("offsets", "reset"),
        ("snapshot",),
    ):
        done = cli_plain("cdc", *words, env={"BICTL_CONNECT_URL": replay.url})
        assert (done.exit_code, done.stdout) == (2, ""), words
        assert "there is nobody to ask\nhint: say --yes" in done.stderr
    assert replay.asked == []


def test_a_person_who_says_no_changes_nothing(replay, tmp_path):
    replay.connector("status_running")
    replay.give("root")
    said, code = on_a_terminal(replay.url, tmp_path, b"n\n", "cdc", "stop", "pg-product")
    assert "Stop pg-product?" in said
    assert "nothing was changed" in said
    assert (code, replay.sent) == (1, [])


def test_ctrl_c_at_the_question_ends_the_command(replay, tmp_path):
    replay.connector("status_running")
    said, code = on_a_terminal(replay.url, tmp_path, b"\x03", "cdc", "pause", "pg-product")
    assert (code, replay.sent) == (130, [])
    assert "batch" not in said


def test_a_hostile_name_is_inert_and_stays_one_word_of_the_hint(status, replay):
    name = "a/b 'c'\x1b[31m;rm -rf"
    replay.connector("status_pg_down", name=name)
    done = status("-otsv")
    assert done.exit_code == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert """bictl cdc restart 'a/b '"'"'c'"'"'\\x1b[31m;rm -rf'""" in done.stderr


def test_the_watch_ends_with_ctrl_c_and_code_0(replay, tmp_path):
    replay.connector("status_pg_down")
    said, code = on_a_terminal(
        replay.url, tmp_path, b"\x03", "cdc", "status", "--watch", "0.5", after=b"hint: remove"
    )
    assert code == 0
    assert "FAILED" in said


def test_a_worker_that_is_silent_does_not_keep_who_presses_ctrl_c(replay, tmp_path):
    replay.hang("/connectors?expand=status&expand=info")
    asking = subprocess.Popen(
        [sys.executable, "-m", "bictl", "cdc", "status"],
        env={**os.environ, "BICTL_CONNECT_URL": replay.url, "BICTL_STATE_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert replay.hanging.wait(30)
    asking.send_signal(signal.SIGINT)
    _, said = asking.communicate(timeout=5)
    assert asking.returncode == 130
    assert said == "error: stopped by a signal\nhint: nothing was changed\n"


def test_a_watch_that_the_timeout_ends_tells_what_it_saw_last(cli_plain, replay):
    replay.connector("status_pg_down")
    done = cli_plain(
        *("--timeout", "1", "-q", "cdc", "status", "--watch", "0.5"),
        env={"BICTL_CONNECT_URL": replay.url},
    )
    assert done.exit_code == 1


def on_a_terminal(
    url: str, directory: Path, keys: bytes, *words: str, after: bytes = b"[y/N]"
) -> tuple[str, int]:
    """What a command says on a terminal where a person presses keys `after` some words; its exit
    code."""
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "BICTL_CONNECT_URL": url,
        "BICTL_STATE_DIR": str(directory),
        "TERM": "dumb",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bictl", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=directory,
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),  # noqa: PLW1509
    )
    os.close(theirs)
    said, pressed = b"", False
    with suppress(OSError):  # the terminal closes with the process
        while part := os.read(ours, 65536):
            said += part
            if not pressed and after in said:
                os.write(ours, keys)
                pressed = True
    os.close(ours)
    return said.decode(), process.wait(30)
