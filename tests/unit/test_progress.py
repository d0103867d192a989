"""Progress: lines at an interval where nobody has a terminal, a bar where somebody has."""

import io
import os
import pty
import subprocess
import sys
import threading
from contextlib import redirect_stderr

import pytest

from bictl.cli.app import Options
from bictl.cli.render import Screen
from bictl.clients.awaited import awaiting
from bictl.records import Progress

BAR = """
import sys
from bictl.cli.app import Options
from bictl.cli.render import Screen
from bictl.records import Progress
with Screen(Options(progress=sys.argv[1] == "yes")).progress() as on_progress:
    for done in range(0, 5000, 7):
        on_progress(Progress(stage="ingest", done=done, total=5000, bytes=done, note="x" * 90))
print("the result")
"""


SIDE_BY_SIDE = """
import sys, threading, time
from rich.progress import Progress as Bars
from bictl.cli.app import Options
from bictl.cli.render import Screen
from bictl.records import Progress
add, added = Bars.add_task, []
def slowly(bars, *arguments, **options):
    time.sleep(0.05)  # a busy machine: everybody is between the question and the answer
    added.append(arguments)
    return add(bars, *arguments, **options)
Bars.add_task = slowly
with Screen(Options()).progress() as on_progress:
    begin = threading.Barrier(6)
    def lane():
        begin.wait()
        on_progress(Progress(stage="verify", done=0, total=6, unit="checks"))
    lanes = [threading.Thread(target=lane) for _ in range(6)]
    for one in lanes: one.start()
    for one in lanes: one.join()
print(len(added))
"""


class Heard(io.StringIO):
    """A stream that says when it got a second line."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = threading.Event()

    def write(self, text: str) -> int:
        size = super().write(text)
        if self.getvalue().count("\n") >= 2:
            self.twice.set()
        return size


def test_a_line_comes_at_every_interval_also_while_nothing_moves():
    stream = Heard()
    with (
        redirect_stderr(stream),
        Screen(Options()).progress(every=0.02) as on_progress,
        awaiting("Postgres at db:5432"),
    ):
        on_progress(Progress(stage="load-bronze", done=3, total=9, unit="objects"))
        assert stream.twice.wait(20)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("load-bronze: 3/9 objects")
    assert lines[0].endswith("waiting for Postgres at db:5432")


@pytest.mark.parametrize("options", [Options(quiet=True), Options(progress=False)])
def test_who_wants_none_gets_none_except_by_asking(options):
    stream, screen = Heard(), Screen(options)
    with redirect_stderr(stream), screen.progress(every=0.001) as on_progress:
        on_progress(Progress(stage="embed", done=1))
        assert not stream.twice.wait(0.1)
        assert stream.getvalue() == ""
        screen.progress_line()
    assert stream.getvalue().startswith("embed: 1 records")


def on_terminal(
    width: int, wanted: str = "yes", *, program: str = BAR, **environment: str
) -> tuple[str, str]:
    """What the result was, and what the terminal of stderr got."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, wanted],
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(width), **environment},
        stdout=subprocess.PIPE,
        stderr=follower,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 65536):
            shown += part
    except OSError:  # the other end has closed
        pass
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0
    return out, shown.decode()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_on_a_terminal_it_is_a_bar_that_fits(width):
    out, shown = on_terminal(width)
    assert out == "the result\n"
    assert "ingest" in shown
    assert "Traceback" not in shown
    assert "\n\n\n" not in shown.replace("\r", "")


@pytest.mark.parametrize(
    ("wanted", "environment"), [("no", {}), ("yes", {"TERM": "dumb"})], ids=["no", "dumb"]
)
def test_no_escape_sequence_where_none_is_understood_or_wanted(wanted, environment):
    assert on_terminal(80, wanted, **environment) == ("the result\n", "")


def test_no_colour_is_only_that():
    _, shown = on_terminal(120, NO_COLOR="1")
    assert "ingest" in shown
    assert "\x1b[3" not in shown


def test_what_begins_side_by_side_has_one_bar():
    out, _ = on_terminal(120, program=SIDE_BY_SIDE)
    assert out == "2\n"  # `connecting` and `verify`
