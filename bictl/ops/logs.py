"""Log lines on stderr: UTC, with the run's id, without secrets, one line an event."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from bictl.inert import inert
from bictl.records import short_id
from bictl.settings.redact import redact

_NOISY = ("kafka", "boto3", "botocore", "s3transfer", "urllib3", "asyncio", "sentence_transformers")
_OWN = (logging.WARNING, logging.INFO, logging.DEBUG)


def set_up_logs(
    *,
    verbose: int = 0,
    quiet: bool = False,
    form: str = "text",
    run: str = "",
    stream: TextIO | None = None,
    kept: logging.Handler | None = None,
) -> None:
    """Sets the root logger; `form` is text or json, `verbose` counts the -v.

    bictl's own loggers say warnings, with -v what they do, with -vv everything, with `quiet` only
    errors. The clients' packages are shown and kept from -v on: what matters of theirs comes back
    as an exception anyway; their warnings are made all the same, since
    `clients/topic_connection.py` hears a broker's refusal in them. `kept` hears what the loggers
    do, whatever is shown. Every record is redacted when it is read, so that handlers which a
    package brings along see no secret either.
    """
    handler: logging.Handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter((_JsonFormatter if form == "json" else _TextFormatter)(run))
    shown = logging.ERROR if quiet and not verbose else _OWN[min(verbose, 2)]
    handler.setLevel(shown)
    root = logging.getLogger()
    root.handlers[:] = [handler] if kept is None else [handler, kept]
    if not verbose:
        for one in root.handlers:
            one.addFilter(_without_noise)
    root.setLevel(logging.WARNING)
    own = min([shown, logging.WARNING] if kept is None else [shown, kept.level])
    logging.getLogger("bictl").setLevel(own)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose > 1 else logging.WARNING)
    logging.setLogRecordFactory(_RedactedRecord)
    logging.captureWarnings(True)


def _without_noise(record: logging.LogRecord) -> bool:
    """Whether a record is to be heard without -v: bictl's own are, and what is critical."""
    return record.levelno >= logging.CRITICAL or record.name.split(".")[0] not in _NOISY


class _RedactedRecord(logging.LogRecord):
    """A record whose message holds no secret, whichever handler asks for it."""

    def getMessage(self) -> str:
        return redact(super().getMessage())


class _Formatter(logging.Formatter):
    def __init__(self, run: str) -> None:
        super().__init__()
        self._run = run


class _TextFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """`2026-07-01T12:00:00.123Z INFO bictl.ingest run=… message`, then an indented trace."""
        head = f"{stamp(record.created)} {record.levelname} {record.name} run={short_id(self._run)}"
        lines = [f"{head} {inert(record.getMessage())}"]
        return "\n".join([*lines, *(f"  {inert(line)}" for line in trace_lines(record))])


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One ASCII document; `trace` only beside an exception."""
        document = {
            "time": stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run": self._run,
            "message": record.getMessage(),
        }
        if trace := trace_lines(record):
            document["trace"] = "\n".join(trace)
        return json.dumps(document, ensure_ascii=True)


def trace_lines(record: logging.LogRecord) -> list[str]:
    """The trace of a record's exception, without secrets; nothing where it has none."""
    if not record.exc_info or record.exc_info[0] is None:
        return []
    text = redact(logging.Formatter().formatException(record.exc_info))
    return [line for line in text.split("\n") if line]


def stamp(seconds: float) -> str:
    """A moment as `2026-07-01T12:00:00.123Z`, from seconds of the epoch."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
