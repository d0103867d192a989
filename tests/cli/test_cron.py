"""What a crontab relies on: who holds the lock, how signals end a run, how errors are said."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bictl.ops.locks import topic_lock

TOPIC = "cord.ConcordDb.dbo.Product"


def test_a_second_ingest_exits_5_at_once_and_names_the_holder(cli_plain, tmp_path):
    with topic_lock(tmp_path / "state", TOPIC, wait=0, command="ingest product"):
        done = cli_plain("-q", "ingest", "--lock-wait", "0")
    assert (done.exit_code, done.stdout) == (5, "")
    error, hint = done.stderr.splitlines()
    assert re.fullmatch(
        rf"error: another run holds the lock of topic {re.escape(TOPIC)}: "
        rf"pid {os.getpid()} on {re.escape(socket.gethostname())} \(ingest product, \d+ s old\)",
        error,
    )
    assert hint.startswith("hint: ")


def test_a_service_that_is_down_is_one_error_and_one_hint_with_exit_4(cli_plain):
    done = cli_plain(
        "-q", "--timeout", "20", "ingest", env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    )
    assert (done.exit_code, done.stdout) == (4, "")
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


def test_a_run_is_ended_at_its_timeout_with_exit_4(cli_plain, silent_port):
    done = cli_plain(
        "--timeout",
        "1",
        "ingest",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent_port}"},
    )
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"Kafka at 127.0.0.1:{silent_port}" in done.stderr.splitlines()[-2]


@pytest.fixture
def silent_port():
    """A port that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@pytest.fixture
def waiting_ingest(tmp_path: Path, plain_environment: dict[str, str], silent_port: int):
    """An ingest whose broker never answers, behind its first words."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bictl", "-v", "ingest"],
        env=plain_environment
        | {"BICTL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent_port}", "PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lock = tmp_path / "state" / "locks"
    while not lock.exists():  # it works once it holds its lock
        assert process.poll() is None, process.communicate()
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_answered_in_words_and_the_second_ends_the_run(waiting_ingest, number):
    waiting_ingest.send_signal(number)
    line = waiting_ingest.stderr.readline()
    while line and "once more stops now" not in line:
        line = waiting_ingest.stderr.readline()
    assert "once more stops now" in line
    waiting_ingest.send_signal(number)
    assert waiting_ingest.wait(timeout=10) == 128 + number


def test_usr1_says_where_the_run_is(waiting_ingest):
    line = "not asked yet"
    while line and "waiting for Kafka" not in line:
        waiting_ingest.send_signal(signal.SIGUSR1)
        line = waiting_ingest.stderr.readline()
    assert re.fullmatch(r"waiting for Kafka at 127\.0\.0\.1:\d+\n", line)
    assert waiting_ingest.poll() is None


@pytest.mark.parametrize("form", ["table", "tsv", "json", "jsonl"])
def test_a_reader_that_leaves_early_is_no_error(plain_environment, tmp_path, form):
    command = f"{sys.executable} -m bictl -q config show -o {form} | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=plain_environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_monitor_is_told_unknown_when_the_time_is_up(cli_plain, silent_port):
    done = cli_plain(
        *("--timeout", "1", "verify", "-o", "nagios"),
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent_port}"},
    )
    assert done.exit_code == 3
    assert done.stdout.startswith("BICTL UNKNOWN - ")
    assert done.stdout.count("BICTL ") == 1
