"""The screen: results on stdout, narration on stderr. Nothing else in bictl knows rich."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bictl.cli.app import Options
from bictl.cli.view import Column, View, as_json, as_jsonl, as_tsv
from bictl.clients.awaited import awaited
from bictl.errors import unwritten
from bictl.inert import inert
from bictl.records import OnProgress, Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STATE_STYLES = {
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
    "unknown": "magenta",
    "in flight": "cyan",
    "late": "yellow",
    "running": "cyan",
    "killed": "bold red",
    "never": "yellow",
}
READABLE = 20  # cells: a longer word may be cut where a table is too wide
PROGRESS_EVERY = 30.0  # seconds between the lines of a run without a terminal


class Screen:
    """Where a run writes; one per process. `heard` gets every sentence, also what -q keeps back."""

    def __init__(self, options: Options, *, heard: Callable[[str], None] | None = None) -> None:
        self._options, self._heard = options, heard
        self._latest: Progress | None = None
        self._started: dict[str, float] = {}  # by stage
        self._bars_on: Console | None = None  # the console whose last lines are the bars

    @property
    def format(self) -> str:
        """The form of the result: as asked for, else a table on a terminal and tsv elsewhere."""
        return self._options.output or ("table" if sys.stdout.isatty() else "tsv")

    @property
    def on_terminal(self) -> bool:
        """Whether a person sees what is written to stdout."""
        return sys.stdout.isatty()

    def show(self, view: View) -> None:
        """The result, on stdout; BictlError when it cannot be written."""
        form = self.format
        if form == "json":
            self.write(as_json(view))
        elif form == "jsonl":
            for line in as_jsonl(view):
                self.write(line)
        elif form == "tsv":
            for line in as_tsv(view):
                self.write(line)
        else:
            self._table(view)

    def _table(self, view: View) -> None:
        console = self._console(sys.stdout)
        with _writing():
            if view.title:
                console.print(_text(view.title, "bold"), soft_wrap=True)
            fits = _fits(view, console.width)
            console.print(_table(view, console.width) if fits else _blocks(view))

    def prepare(self) -> None:
        """Loads what writing needs: with -q it may not have been, and takes its time."""
        self._console(sys.stderr)
        _text("")

    @property
    def width(self) -> int:
        """How many cells a line of stdout has."""
        return self._console(sys.stdout).width

    def show_lines(self, lines: Iterable[Sequence[tuple[str, str]]]) -> None:
        """A picture made of lines, each of pieces with a style, on stdout; never folded."""
        console = self._console(sys.stdout)
        with _writing():
            for line in lines:
                pieces = [_text(words, style) for words, style in line]
                console.print(*pieces, sep="", soft_wrap=True)

    def headline(self, sentence: str, state: str) -> None:
        """The line above everything, on stdout, in its state's colour."""
        with _writing():
            style = f"bold {STATE_STYLES.get(state, '')}".strip()
            self._console(sys.stdout).print(_text(sentence, style), soft_wrap=True)

    def done(self, view: View, sentence: str) -> None:
        """A stage's result and what it changed; silent with -q, unless a format was asked for."""
        empty = self.format == "table" and not view.rows
        if self._options.output or not (self._options.quiet or empty):
            self.show(view)
        self.say(sentence)

    def clear(self) -> None:
        """An empty screen; nothing where stdout is no terminal."""
        self._console(sys.stdout).clear()

    def write(self, line: str) -> None:
        """A line of the result as it is; BictlError when it cannot be written."""
        with _writing():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def write_bytes(self, raw: bytes) -> None:
        """A record's bytes, exactly, for another program; BictlError when they cannot be."""
        with _writing():
            sys.stdout.buffer.write(raw)
            sys.stdout.buffer.flush()

    def say(self, sentence: str, *, style: str = "") -> None:
        """Narration, on stderr; silent with -q."""
        self._narrate(sentence, style, shown=not self._options.quiet)

    def detail(self, sentence: str) -> None:
        """Narration for -v."""
        self._narrate(sentence, "dim", shown=self._options.verbose > 0)

    def warn(self, sentence: str) -> None:
        """What a person should look at, even with -q."""
        self._narrate(f"warning: {sentence}", "yellow")

    def error(self, message: str, hint: str | None) -> None:
        """`error: …` and `hint: …`."""
        self._narrate(f"error: {message}", "bold red")
        if hint:
            self._narrate(f"hint: {hint}", "cyan")

    @contextmanager
    def progress(self, *, every: float = PROGRESS_EVERY) -> Iterator[OnProgress]:
        """Progress on stderr: a bar on a terminal, a line every 30 s elsewhere; the run's log hears
        such a line in any case."""
        if self._options.quiet or not self._options.progress:
            with self._lines(every, shown=False):
                yield self._note
        elif sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
            with self._lines(every, shown=False), self._bars() as on_progress:
                yield on_progress
        else:
            with self._lines(every):
                yield self._note

    def progress_line(self, *, shown: bool = True) -> None:
        """One line of where the run is now (SIGUSR1); to the run's log alone unless `shown`."""
        self._narrate(self.whereabouts() or "nothing has been reported yet", "", shown=shown)

    def whereabouts(self) -> str:
        """How far the run is and whom it waits for, as far as either is known."""
        latest, whom = self._latest, awaited()
        said = [f"waiting for {whom}"] if whom else []
        if latest:
            rate = _rate(latest, time.monotonic() - self._started[latest.stage])
            said.insert(0, f"{_progress_text(latest)}{f', {rate}' if rate else ''}")
        return "; ".join(said)

    def _note(self, progress: Progress) -> None:
        self._started.setdefault(progress.stage, time.monotonic())
        self._latest = progress

    @contextmanager
    def _lines(self, every: float, *, shown: bool = True) -> Iterator[None]:
        """A line every so many seconds, also while nothing moves on."""
        done = threading.Event()

        def say() -> None:
            while not done.wait(every):
                self.progress_line(shown=shown)

        speaking = threading.Thread(target=say, name="progress", daemon=True)
        speaking.start()
        try:
            yield
        finally:
            done.set()

    @contextmanager
    def _bars(self) -> Iterator[OnProgress]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        console = self._console(sys.stderr)
        roomy = console.width >= 100
        noted = console.width - (88 if roomy else 60)  # what the other columns leave
        bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(bar_width=24 if roomy else 12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False, style="dim"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
            console=console,
            transient=True,
        )
        tasks: dict[str, Any] = {}
        first = bars.add_task("connecting", total=None, rate="", note="")
        adding = threading.Lock()  # what works side by side begins side by side, and has one bar

        def on_progress(progress: Progress) -> None:
            self._note(progress)
            name = progress.stage
            bars.update(first, visible=False)
            with adding:
                if name not in tasks:
                    tasks[name] = bars.add_task(name, total=progress.total, rate="", note="")
            bars.update(
                tasks[name],
                completed=progress.done,
                total=progress.total,
                rate=_rate(progress, time.monotonic() - self._started[name]),
                note=inert(progress.note)[: max(0, min(noted, 60))],
            )

        with bars:
            self._bars_on = console
            try:
                yield on_progress
            finally:
                self._bars_on = None

    def _narrate(self, sentence: str, style: str, *, shown: bool = True) -> None:
        if self._heard is not None:
            self._heard(sentence)
        if not shown:
            return
        with suppress(OSError):  # nobody hears it: the work goes on
            console = self._bars_on or self._console(sys.stderr)
            console.print(_text(sentence, style), soft_wrap=True)

    def _console(self, stream: Any) -> "Console":
        from rich.console import Console

        class OurConsole(Console):
            def on_broken_pipe(self) -> None:
                raise BrokenPipeError  # rich would end the process with code 1

        return OurConsole(
            file=stream,
            no_color=None if self._options.color else True,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=False,
        )


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten(error) from error


def _text(sentence: str, style: str = "") -> "Text":
    from rich.text import Text

    return Text("\n".join(inert(line) for line in sentence.split("\n")), style=style)


def _table(view: View, width: int) -> Any:
    """One line a row, and more where a text is folded between its words."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = _columns(view)
    for column, cells in zip(columns, _widths(view, columns, width), strict=True):
        whole = _is_whole(column)
        table.add_column(
            _title(column),
            justify="right" if whole and column.kind != "state" else "left",
            overflow="fold",
            no_wrap=whole,
            width=cells,
        )
    for row in view.rows:
        table.add_row(*(_shown(row.get(column.key), column) for column in columns))
    return table


def _widths(view: View, columns: Sequence[Column], width: int) -> list[int]:
    """How many cells each column has: what it needs to be read, and then what is left, first to
    those that want little. rich shrinks by proportion, and would cut what cannot be folded."""
    widths = [_least(view, column) for column in columns]
    wanted = [_most(view, column) for column in columns]
    left = width + 1 - sum(widths) - 3 * len(columns)
    for place in sorted(range(len(columns)), key=lambda place: wanted[place] - widths[place]):
        more = max(0, min(left, wanted[place] - widths[place]))
        widths[place] += more
        left -= more
    return widths


def _blocks(view: View) -> Any:
    """One line a value, and an empty one between the rows: what fits any terminal."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for row in view.rows:
        for column in _columns(view):
            if row.get(column.key) not in (None, ""):
                table.add_row(_text(_title(column)), _shown(row[column.key], column))
        table.add_row()
    return table


def _columns(view: View) -> list[Column]:
    return [column for column in view.columns if not column.wide]


def _title(column: Column) -> str:
    return column.title or column.key.replace("_", " ")


def _is_whole(column: Column) -> bool:
    """Whether its values are never folded."""
    return column.kind in {"count", "bytes", "seconds", "state"}


def _fits(view: View, width: int) -> bool:
    """Whether a table of that many cells can be read: no word of it is cut, save the longest."""
    columns = _columns(view)
    return sum(_least(view, column) + 3 for column in columns) - 1 <= width


def _least(view: View, column: Column) -> int:
    """The width below which a column cannot be read: its longest word, up to READABLE cells."""
    from rich.cells import cell_len

    if _is_whole(column):
        return _most(view, column)
    words = [cell_len(word) for text in _texts(view, column) for word in text.split()]
    return min(READABLE, max(words, default=1))


def _most(view: View, column: Column) -> int:
    """The width at which nothing of a column is folded."""
    from rich.cells import cell_len

    return max(map(cell_len, _texts(view, column)))


def _texts(view: View, column: Column) -> list[str]:
    return [_title(column)] + [_shown(row.get(column.key), column).plain for row in view.rows]


def _shown(value: Any, column: Column) -> "Text":
    if value is None:
        return _text("-", "dim")
    if column.kind == "state":
        return _text(str(value), STATE_STYLES.get(str(value), ""))
    return _text(_cut(_words(value, column.kind), column.cut))


def _cut(text: str, most: int | None) -> str:
    """Its beginning, and how much it is; a name of 10,000 characters is no line of a table."""
    if most is None or len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text):,} characters)"


def _words(value: Any, kind: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    by_kind: dict[str, Callable[[Any], str]] = {
        "count": "{:,}".format,
        "bytes": size,
        "seconds": "{:.1f} s".format,
        "time": ago,
    }
    return by_kind.get(kind, str)(value)


def size(count: int) -> str:
    """Bytes for people: `12.3 MB`."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def ago(moment: datetime) -> str:
    """A time for people: `3 min ago`."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return "just now" if seconds < 10 else f"{seconds:.0f} s ago"


def _rate(progress: Progress, seconds: float) -> str:
    if seconds < 0.5 or not progress.done:
        return ""
    rate = f"{progress.done / seconds:,.0f} {progress.unit}/s"
    return f"{rate}, {size(int(progress.bytes / seconds))}/s" if progress.bytes else rate


def _progress_text(progress: Progress) -> str:
    total = f"/{progress.total:,}" if progress.total is not None else ""
    note = f" ({progress.note})" if progress.note else ""
    return f"{progress.stage}: {progress.done:,}{total} {progress.unit}{note}"
