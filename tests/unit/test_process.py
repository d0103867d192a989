"""A child process: its lines as they come, and its end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bictl.clients.process import Child
from bictl.errors import TimedOut
from bictl.records import never_stop


@pytest.fixture
def child(tmp_path):
    """`child(code)`: Python that runs `code`."""

    def start(code):
        command = [sys.executable, "-u", "-c", code]
        return Child(
            command, environment=os.environ, directory=tmp_path, errors=tmp_path / "stderr.log"
        )

    return start


def test_lines_come_whole_and_the_code_after_them(child, tmp_path):
    code = "import sys; print('a'); print('b' * 200_000); print('c', file=sys.stderr); sys.exit(7)"
    with child(code) as running:
        lines = list(running.lines(stop=never_stop))
        assert running.wait() == 7

    assert lines == [b"a", b"b" * 200_000]
    assert (tmp_path / "stderr.log").read_text() == "c\n"


def test_a_child_that_a_signal_ended_says_which(child):
    with child("import os; os.kill(os.getpid(), 9)") as running:
        assert list(running.lines(stop=never_stop)) == []
        assert running.wait() == -signal.SIGKILL


def test_asked_to_stop_it_ends_as_after_ctrl_c(child, tmp_path):
    code = """
import time
from pathlib import Path
try:
    print('started'); time.sleep(60)
except KeyboardInterrupt:
    open('cleaned', 'w').close()
"""
    asked = []
    with child(code) as running:
        for _line in running.lines(stop=lambda: bool(asked)):
            asked.append(True)

    assert (tmp_path / "cleaned").exists()


def test_what_it_started_ends_with_it(child):
    code = "import subprocess; p = subprocess.Popen(['sleep', '600']); print(p.pid)"
    with child(code) as running:
        line = next(running.lines(stop=never_stop))

    deadline = time.monotonic() + 10
    while Path(f"/proc/{int(line)}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{int(line)}/exe").exists()


def test_too_long_is_timed_out_and_it_has_ended(child):
    with pytest.raises(TimedOut), child("import time; time.sleep(60)") as running:
        list(running.lines(stop=never_stop, timeout=0.3))

    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)


def test_what_misses_the_signal_of_its_parents_death_ends_all_the_same(tmp_path):
    deaf = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda number, frame: print('heard', file=sys.stderr, flush=True))
from bictl.clients.orphan import end_after
end_after(os.getppid(), cancel=lambda: print('cancel', file=sys.stderr, flush=True), patience=0.3)
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""
    parent = f"""
import os, sys
from pathlib import Path
from bictl.clients.process import Child
command = [sys.executable, "-c", {deaf!r}]
errors = Path({str(tmp_path / "stderr.log")!r})
with Child(command, environment=os.environ, directory=errors.parent, errors=errors) as child:
    for line in child.lines(stop=lambda: False):
        print(line.decode(), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as bictl:
        assert bictl.stdout is not None
        orphan = int(bictl.stdout.readline())
        bictl.kill()

    deadline = time.monotonic() + 20
    while Path(f"/proc/{orphan}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    outlived = Path(f"/proc/{orphan}/exe").exists()  # a dead one that nobody has reaped has none
    with contextlib.suppress(ProcessLookupError):
        os.kill(orphan, signal.SIGKILL)
    assert not outlived
    assert (tmp_path / "stderr.log").read_text().split() == ["heard", "cancel", "heard", "cancel"]
