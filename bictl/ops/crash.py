"""What a bug leaves behind: a file for the report, without secrets and without variables."""

import os
import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bictl import __version__
from bictl.settings.redact import redact


def crash_report(error: BaseException, state_dir: Path) -> Path:
    """Writes the report (mode 0600) into the state directory, or where files may be written.

    It holds versions, arguments and the trace with its causes; never the frames' variables.
    """
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    body = redact(_report(error, now))
    try:
        folder = state_dir / "crashes"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        return _written(
            path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), body
        )
    except OSError:
        file, temporary = tempfile.mkstemp(prefix="bictl-crash-", suffix=".txt")
        return _written(Path(temporary), file, body)


def _written(path: Path, file: int, body: str) -> Path:
    with os.fdopen(file, "w", encoding="utf-8", errors="backslashreplace") as report:
        report.write(body)
    return path


def _report(error: BaseException, now: datetime) -> str:
    head = [
        f"bictl {__version__}",
        f"time: {now:%Y-%m-%dT%H:%M:%SZ}",
        f"python: {platform.python_version()} on {platform.platform()}",
        f"arguments: {' '.join(sys.argv[1:])}",
        "",
    ]
    return "\n".join(head) + "".join(traceback.format_exception(error))
