"""A run's own log: what it said and what its stages logged, in a file that outlives it.

One file a run, `<state directory>/runs/<run id>.log`, mode 0600, without secrets. A line is in the
file as soon as it was said, so a killed run's log ends where the run ended. The run does not depend
on it: where nothing can be written, the run goes on without.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bictl.inert import inert
from bictl.ops.logs import stamp, trace_lines
from bictl.settings.redact import redact

KEPT = 200  # files, the newest
DAYS = 30  # and none that is older
_LARGEST = 8 << 20  # bytes of one file
_EARLY = 500  # lines that wait until it is known where the file goes

_log = logging.getLogger(__name__)


class RunLog(logging.Handler):
    """One run's log. What comes before `open` waits; a run that is never recorded leaves no file.

    Other runs have other files, also at the same time; threads may share this one.
    """

    def __init__(self, run: str) -> None:
        super().__init__(logging.INFO)
        self.run = run
        self._early: list[str] = []
        self._file: int | None = None
        self._size = 0
        self._over = False

    def open(self, state_dir: Path) -> None:
        """Begins the file, and lets old ones go; again it does nothing."""
        with self._alone():
            if self._over or self._file is not None:
                return
            try:
                self._file = _create(path_of(state_dir, self.run))
            except OSError as error:
                self._give_up(f"{state_dir / 'runs'}: {error.strerror}")
                return
            early, self._early = self._early, []
            for line in early:
                self._write(line)
        _sweep(state_dir / "runs")

    def say(self, sentence: str) -> None:
        """A sentence that a person was told, or would have been."""
        self._take(f"{stamp(time.time())} {sentence}")

    def emit(self, record: logging.LogRecord) -> None:
        """A log record; its trace stands below it."""
        head = f"{stamp(record.created)} {record.levelname} {record.name} {record.getMessage()}"
        self._take("\n".join([head, *trace_lines(record)]))

    def close(self) -> None:
        """Ends the file."""
        with self._alone():
            if self._file is not None:
                os.close(self._file)
            self._file, self._over = None, True
        logging.getLogger().removeHandler(self)
        super().close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _take(self, text: str) -> None:
        first, *more = redact(text).split("\n")
        line = "\n  ".join([inert(first), *(inert(one) for one in more)]) + "\n"
        with self._alone():
            if self._file is not None:
                self._write(line)
            elif not self._over and len(self._early) < _EARLY:
                self._early.append(line)

    def _write(self, line: str) -> None:
        if self._file is None or self._size > _LARGEST:
            return
        data = line.encode("utf-8", "backslashreplace")
        self._size += len(data)
        if self._size > _LARGEST:
            data = b"the rest was left out: this log has become too long\n"
        try:
            os.write(self._file, data)
        except OSError as error:
            os.close(self._file)
            self._file = None
            self._give_up(str(error.strerror))

    def _give_up(self, reason: str) -> None:
        self._over, self._early = True, []
        _log.info("this run has no log file: %s", reason)


def path_of(state_dir: Path, run: str) -> Path:
    """Where the log of a run is, on the host that it ran on."""
    return state_dir / "runs" / f"{run}.log"


def _create(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)


def _sweep(folder: Path) -> None:
    """Removes what is beyond the newest KEPT, or older than DAYS. A run that still works writes
    now and then, so its file is not among the old ones."""
    eldest = time.time() - DAYS * 86_400
    with suppress(OSError):
        found = [(entry.stat().st_mtime, entry.path) for entry in os.scandir(folder)]
        found = sorted((item for item in found if item[1].endswith(".log")), reverse=True)
        for number, (written, path) in enumerate(found):
            if number >= KEPT or written < eldest:
                with suppress(OSError):
                    Path(path).unlink()
