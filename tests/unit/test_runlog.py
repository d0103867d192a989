"""A run's own log: private, bounded, there up to a kill, and never in the run's way."""

import logging
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from bictl.ops.runlog import DAYS, KEPT, RunLog, path_of
from bictl.settings import Secret

KILLED = """
import os, pathlib, signal, sys
from bictl.ops.runlog import RunLog
log = RunLog(sys.argv[2])
log.say("early")
log.open(pathlib.Path(sys.argv[1]))
log.say("sealed 0:[0,20000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def run() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def log(run):
    opened = RunLog(run)
    yield opened
    opened.close()


def lines(state: Path, run: str) -> list[str]:
    """Without their times."""
    text = path_of(state, run).read_text()
    return [line.split(" ", 1)[1] for line in text.splitlines()]


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("bictl.ingest", logging.INFO, "file.py", 1, message, arguments, None)


def test_what_was_said_before_it_began_stands_in_it_and_only_its_owner_may_read(log, run, tmp_path):
    log.say("using the local stack")
    log.open(tmp_path / "state")
    log.emit(record("sealed %d records", 7))
    log.open(tmp_path / "state")
    path = path_of(tmp_path / "state", run)
    assert lines(tmp_path / "state", run) == [
        "using the local stack",
        "INFO bictl.ingest sealed 7 records",
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_run_that_is_not_recorded_leaves_no_file(log, tmp_path):
    log.say("the configuration is fine")
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_no_secret_and_no_control_character_is_written(log, run, tmp_path):
    Secret("S3CR3T-äß%")
    log.open(tmp_path)
    log.say("error: no login with S3CR3T-äß%\nhint: \x1b[31mpassword=hunter2")
    text = path_of(tmp_path, run).read_text()
    assert "S3CR3T" not in text
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert text.splitlines()[1] == "  hint: \\x1b[31mpassword=***"


def test_two_runs_at_once_have_two_files(tmp_path):
    runs = [str(uuid.uuid4()) for _ in range(2)]
    logs = [RunLog(name) for name in runs]
    for one in logs:
        one.open(tmp_path)
    for one in logs:
        one.say(f"I am {one.run}")
        one.close()
    assert [lines(tmp_path, name) for name in runs] == [[f"I am {name}"] for name in runs]


def test_where_nothing_can_be_written_the_run_goes_on_and_it_is_said_once(log, tmp_path, caplog):
    (tmp_path / "state").write_text("a file stands in the directory's place")
    with caplog.at_level(logging.INFO, logger="bictl"):
        for _ in range(2):
            log.open(tmp_path / "state")
            log.say("on and on")
    assert [item.getMessage() for item in caplog.records] == [
        f"this run has no log file: {tmp_path / 'state' / 'runs'}: Not a directory"
    ]


def test_a_disk_that_fills_up_ends_the_log_and_not_the_run(log, run, tmp_path, caplog):
    log.open(tmp_path)
    log.say("room is left")
    written = path_of(tmp_path, run)
    [descriptor] = [
        int(link.name)
        for link in Path("/proc/self/fd").iterdir()
        if link.is_symlink() and link.readlink() == written
    ]
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), descriptor)
    with caplog.at_level(logging.INFO, logger="bictl"):
        log.say("no room")
        log.say("none at all")
    assert [item.getMessage() for item in caplog.records] == [
        "this run has no log file: No space left on device"
    ]
    assert lines(tmp_path, run) == ["room is left"]


def test_a_killed_run_s_log_is_there_up_to_the_kill(run, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), run], check=False)
    assert done.returncode == -9
    assert lines(tmp_path, run) == ["early", "sealed 0:[0,20000)"]


def test_the_newest_are_kept_and_none_that_is_too_old(log, run, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    now = time.time()
    for number in range(KEPT + 20):
        path = folder / f"{number:04d}.log"
        path.touch()
        os.utime(path, (now - number, now - number))
    old = folder / "0003.log"
    os.utime(old, (now, now - (DAYS + 1) * 86_400))
    (folder / "notes.txt").touch()
    log.open(tmp_path)
    left = {path.name for path in folder.glob("*.log")}
    assert len(left) == KEPT
    assert f"{run}.log" in left
    assert {"0000.log", "0198.log"} <= left
    assert not {"0003.log", "0200.log", "0219.log"} & left
    assert (folder / "notes.txt").exists()
