"""The entry point: runs the command tree and turns every ending into words and an exit code."""

import errno
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from typer.exceptions import Abort, TyperException

from bictl.cli.app import Options, app, nagios_or
from bictl.errors import BictlError, exit_code_of, unwritten

_BEFORE = {  # the options that only the program has, and not its commands
    *("--config", "--profile", "--timeout", "--debug"),
    *("--no-color", "--no-progress", "--log-format"),
}
_ELSEWHERE = "BICTL_STATE_DIR=… for bictl's own files, TMPDIR=… for passing ones"
# What a machine may refuse to any program, with what to do: no bug of this one.
_MACHINE: dict[int | None, str] = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room within the quota",
    errno.EROFS: "mount it for writing",
    errno.ENOTDIR: "move the file that stands in a directory's place",
    errno.EACCES: "give this user the right",
    errno.EPERM: "give this user the right",
    errno.EIO: "look at the disk (dmesg)",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the machine's limit of open files",
}


def main() -> NoReturn:
    """`bictl …`; the exit codes are those of bictl.errors and the README."""
    _ready_streams()
    code = _run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_closed_pipe(code)
    except OSError as error:  # help or a version behind `> /dev/full`; a result has said it
        if code == 0:
            code = _explain(unwritten(error), Options())
        _leave_closed_pipe(code)
    try:
        sys.stderr.flush()
    except OSError:  # nobody heard the narration: the work is as it is
        _leave_closed_pipe(code)
    sys.exit(code)


def _ready_streams() -> None:
    """Output that cannot fail for its words: a closed stream takes everything, and what the
    locale's encoding has no character for is written as an escape.

    No number of a closed stream is left free: the next file or connection would get it, and with
    it what a library writes there.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: list[str]) -> int:
    options = Options()
    try:
        result = app(arguments, prog_name="bictl", standalone_mode=False, obj=options)
        return result if isinstance(result, int) else 0
    except SystemExit as ended:  # click's and rich's own way to end at a closed pipe
        if _reader_has_gone():
            _leave_closed_pipe(0)
        return ended.code if isinstance(ended.code, int) else 1
    except BrokenPipeError:
        _leave_closed_pipe(0)
    except Exception as error:
        return _explain(error, _options_of(arguments))
    except KeyboardInterrupt:
        return 130


def _explain(error: Exception, options: Options) -> int:
    from bictl.cli.render import Screen
    from bictl.settings.redact import redact

    screen = Screen(options)
    if options.debug:
        import traceback

        sys.stderr.write(redact("".join(traceback.format_exception(error))))
    if isinstance(error, BictlError):
        message = redact(error.message)
        screen.error(message, redact(error.hint or ""))
        return nagios_or(exit_code_of(error), options, message)
    if isinstance(error, Abort):
        screen.error("stopped before anything was changed", None)
        return 130
    if isinstance(error, TyperException):
        return _usage(error, screen, options)
    if isinstance(error, OSError) and error.errno in _MACHINE:
        message = redact(f"{error.strerror}{f': {error.filename}' if error.filename else ''}")
        screen.error(message, f"{_MACHINE[error.errno]}; or give another directory: {_ELSEWHERE}")
        return nagios_or(1, options, message)
    return _crash(error, screen, options)


def _usage(error: Any, screen: Any, options: Options) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "bictl"
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(f"{error.format_message()}\n")
        return 0
    hint = f"`{command} --help` shows how it is used"
    named = getattr(error, "option_name", "")
    if named in _BEFORE and command != "bictl":
        hint = f"it stands before the command: bictl {named} … {command.removeprefix('bictl ')}"
    screen.error(error.format_message().rstrip("."), hint)
    return nagios_or(2, options, error.format_message())


def _crash(error: Exception, screen: Any, options: Options) -> int:
    from bictl.ops.crash import crash_report
    from bictl.settings import state_dir

    report = crash_report(error, state_dir())
    screen.error(
        f"this is a bug in bictl: {type(error).__name__}",
        f"the report is {report}; --debug shows the traceback",
    )
    return nagios_or(1, options, f"bictl crashed: {type(error).__name__}")


def _options_of(arguments: list[str]) -> Options:
    """The few options that matter once parsing or the command has failed."""
    found = Options(debug="--debug" in arguments or bool(os.environ.get("BICTL_DEBUG")))
    found.color = "--no-color" not in arguments
    for index, word in enumerate(arguments):
        if word in ("-o", "--output") and arguments[index + 1 : index + 2] == ["nagios"]:
            found.output = "nagios"
        if word in ("-onagios", "--output=nagios"):
            found.output = "nagios"
    return found


def _reader_has_gone() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    import select

    poll = select.poll()
    poll.register(1, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _leave_closed_pipe(code: int) -> NoReturn:
    """Whoever read our output has gone: nothing is wrong, and nothing more can be said."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        with suppress(OSError):
            os.dup2(devnull, stream)
    os._exit(code)
