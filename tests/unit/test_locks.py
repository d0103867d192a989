"""The file lock of a topic: one holder at a time, freed by the kernel, its holder named."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bictl.errors import LockHeld, UsageError
from bictl.ops.locks import topic_lock

TOPIC = "cord.ConcordDb.dbo.Product"
HOLDER = """
import sys
from pathlib import Path
from bictl.ops.locks import topic_lock
with topic_lock(Path(sys.argv[1]), sys.argv[2], wait=0, command="ingest product"):
    print("held", flush=True)
    sys.stdin.read()
"""
RACER = """
import sys
from pathlib import Path
from bictl.errors import LockHeld
from bictl.ops.locks import topic_lock
print("ready", flush=True)
sys.stdin.readline()
try:
    with topic_lock(Path(sys.argv[1]), sys.argv[2], wait=0, command="ingest product"):
        print("held", flush=True)
        sys.stdin.read()
except LockHeld as error:
    print(error.message, flush=True)
"""


def start(script: str, state_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(state_dir), TOPIC],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def holder(tmp_path: Path):
    process = start(HOLDER, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_at_once_and_told_pid_host_command_and_age(
    holder, tmp_path, monkeypatch
):
    monkeypatch.delattr(time, "sleep")  # it waits for nothing
    began = time.monotonic()
    with pytest.raises(LockHeld) as caught, topic_lock(tmp_path, TOPIC, wait=0, command="x"):
        pass
    assert time.monotonic() - began < 0.4
    assert caught.value.exit_code == 5
    assert re.search(
        rf"pid {holder.pid} on {re.escape(socket.gethostname())} \(ingest product, \d s old\)",
        caught.value.message,
    )


def test_a_killed_holder_leaves_the_lock_free(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with topic_lock(tmp_path, TOPIC, wait=0, command="x"):
        pass


def test_waiting_takes_the_lock_over_when_the_holder_ends(holder, tmp_path):
    refused = []

    def end_the_holder() -> bool:  # asked for each time that the lock was refused
        refused.append(True)
        holder.kill()
        return False

    with topic_lock(tmp_path, TOPIC, wait=20, command="x", stop=end_the_holder):
        assert refused


def test_waiting_ends_when_the_run_is_asked_to_stop(holder, tmp_path):
    asked = iter([False, True])
    began = time.monotonic()
    with (
        pytest.raises(LockHeld),
        topic_lock(tmp_path, TOPIC, wait=60, command="x", stop=lambda: next(asked)),
    ):
        pass
    assert time.monotonic() - began < 10


def test_of_eight_runs_started_together_exactly_one_works(tmp_path):
    racers = [start(RACER, tmp_path) for _ in range(8)]
    try:
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        answers = [racer.stdout.readline() for racer in racers]
        winner = racers[answers.index("held\n")]
        assert answers.count("held\n") == 1
        losers = [answer for answer in answers if answer != "held\n"]
        assert all(f"pid {winner.pid} on " in answer for answer in losers)
    finally:
        for racer in racers:
            racer.communicate()


def test_topics_do_not_wait_for_each_other(holder, tmp_path):
    with topic_lock(tmp_path, f"{TOPIC}2", wait=0, command="x"):
        pass


def test_a_topic_of_the_longest_legal_name_can_be_locked(tmp_path):
    with topic_lock(tmp_path, "t" * 249, wait=0, command="x"):
        pass


def test_a_lock_can_be_taken_again_after_it_was_given_back(tmp_path):
    for _ in range(2):
        with topic_lock(tmp_path, TOPIC, wait=0, command="x"):
            pass


def test_a_holder_that_is_gone_is_not_named(tmp_path):
    with topic_lock(tmp_path, TOPIC, wait=0, command="x"):
        [file] = (tmp_path / "locks").iterdir()
        gone = subprocess.Popen(["true"])
        gone.wait()
        stale = {"pid": gone.pid, "host": socket.gethostname(), "since": 1.0, "command": "old"}
        file.write_text(json.dumps(stale))
        with (
            pytest.raises(LockHeld, match="it has just started"),
            topic_lock(tmp_path, TOPIC, wait=0, command="x"),
        ):
            pass


def test_lock_files_and_their_folder_are_private(tmp_path):
    with topic_lock(tmp_path / "state", TOPIC, wait=0, command="x"):
        folder = tmp_path / "state" / "locks"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_a_symbolic_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    with topic_lock(tmp_path, TOPIC, wait=0, command="x"):
        [file] = (tmp_path / "locks").iterdir()
    file.unlink()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    file.symlink_to(victim)
    with pytest.raises(UsageError), topic_lock(tmp_path, TOPIC, wait=0, command="x"):
        pass
    assert victim.read_text() == "precious"


def test_a_state_directory_that_cannot_be_written_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match="cannot lock in the state directory"),
        topic_lock(tmp_path / "file", TOPIC, wait=0, command="x"),
    ):
        pass


def test_a_child_process_does_not_keep_the_lock(tmp_path):
    with topic_lock(tmp_path, TOPIC, wait=0, command="x"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with topic_lock(tmp_path, TOPIC, wait=0, command="x"):
            assert os.getpid() != child.pid
    finally:
        child.kill()
        child.wait()
