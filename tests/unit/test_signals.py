"""Signals: the first one asks, the second one ends, SIGUSR1 shows."""

import signal
import subprocess
import sys

import pytest

from bictl.errors import Interrupted, exit_code_of
from bictl.ops.signals import catch_signals

# `sys.stdin.read` waits inside a call, as a stage does; the words say when the parent may go on.
STAGE = """
import sys, time
from bictl.errors import exit_code_of, Interrupted
from bictl.ops.signals import catch_signals
def say(text):
    sys.stderr.write(text + "\\n"); sys.stderr.flush()
with catch_signals() as stop:
    stop.on_first = lambda: say("asked")
    stop.on_second = lambda: say("at once")
    stop.on_usr1 = lambda: say("shown")
    print("ready", flush=True)
    if sys.argv[1] == "in C":
        import ctypes  # a call that no signal interrupts, as a query of libpq is
        libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
        libc.pthread_mutex_lock(mutex)
        libc.pthread_mutex_lock(mutex)
    while not stop() or sys.argv[1] == "deaf":
        time.sleep(0.01)
    print("sealed", flush=True)
    try:
        stop.check()
    except Interrupted as error:
        sys.exit(exit_code_of(error))
"""


@pytest.fixture
def stage():
    started = []

    def start(mode: str, *, ignored: int | None = None) -> subprocess.Popen[str]:
        nohup = [] if ignored is None else ["sh", "-c", f'trap "" {int(ignored)}; exec "$@"', "-"]
        process = subprocess.Popen(
            [*nohup, sys.executable, "-c", STAGE, mode],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_signal_lets_the_stage_finish_and_says_so_once(stage, number, code):
    process = stage("listening")
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("sealed\n", "asked\n", code)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_a_stage_that_does_not_listen(stage, second):
    process = stage("deaf")
    process.send_signal(signal.SIGTERM)
    assert process.stderr.readline() == "asked\n"
    process.send_signal(second)
    out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("", "at once\n", 128 + second)


def test_a_signal_that_comes_twice_within_an_instant_is_one(stage):
    """timeout(1) sends its signal to the process and to the group."""
    process = stage("listening")
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("sealed\n", "asked\n", 143)


def test_words_come_and_the_second_signal_ends_while_a_c_call_keeps_python_waiting(stage):
    process = stage("in C")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "asked\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (err, process.returncode) == ("at once\n", 130)


def test_a_run_that_nohup_started_outlives_its_terminal(stage):
    process = stage("listening", ignored=signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGUSR1)
    assert process.stderr.readline() == "shown\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 143


def test_usr1_shows_progress_and_stops_nothing(stage):
    process = stage("listening")
    for _ in range(2):
        process.send_signal(signal.SIGUSR1)
        assert process.stderr.readline() == "shown\n"
    assert process.poll() is None


def test_leaving_restores_the_handlers_that_were_there():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    with catch_signals() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        assert stop.signal_number == signal.SIGTERM
        with pytest.raises(Interrupted) as caught:
            stop.check()
        assert exit_code_of(caught.value) == 143
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_deadline_stops_without_a_signal():
    with catch_signals() as stop:
        stop.set()
        assert stop()
        stop.check()


def test_a_callback_that_cannot_write_does_not_end_the_run():
    def broken() -> None:
        raise BrokenPipeError

    with catch_signals() as stop:
        stop.on_first = stop.on_second = stop.on_usr1 = broken
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGINT)
        assert stop()
