"""A value that is used and never shown: its text is `***` wherever it is printed."""

import shlex
import subprocess
from pathlib import Path

from bictl.errors import ConfigError

_PATIENCE = 10.0  # seconds that a command has
_seen: set[str] = set()


class Secret:
    """A password given directly, by a file or by a command; read when it is first needed."""

    def __init__(
        self, value: str | None = None, *, file: str | None = None, command: str | None = None
    ) -> None:
        self._value, self._file, self._command = value, file, command
        _remember(value)

    def __bool__(self) -> bool:
        return bool(self._value or self._file or self._command)

    def __repr__(self) -> str:
        return "***" if self else "-"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self._value, self._file, self._command))

    @property
    def file(self) -> str | None:
        """The file that it is read from, as it was configured."""
        return self._file

    @property
    def source(self) -> str:
        """Where the secret comes from, in words; never the secret."""
        if self._file:
            return f"from the file {self._file}"
        if self._command:
            return f"from the command {(self._command.split() or [''])[0]!r}"
        return "a value in the configuration or environment" if self._value else "not configured"

    def reveal(self) -> str | None:
        """The secret itself, or None when nothing is configured.

        Raises ConfigError when the file cannot be read or the command fails.
        """
        if self._value is None and self._file:
            self._value = _read(self._file)
        if self._value is None and self._command:
            self._value = _run(self._command)
        _remember(self._value)
        return self._value


def seen_secrets() -> frozenset[str]:
    """Every secret that this process has read: what `redact` takes out of a text."""
    return frozenset(_seen)


def _remember(value: str | None) -> None:
    if value:
        _seen.add(value)


def _read(file: str) -> str:
    path = Path(file).expanduser()
    hint = "create the file with mode 0600, or correct its path in the configuration"
    try:
        if path.is_file() and path.stat().st_mode & 0o007:
            raise ConfigError(
                f"{file} holds a secret and every user can read it", hint=f"chmod 600 {file}"
            )
        return _not_empty(path.read_text(encoding="utf-8"), f"the secret's file {file}")
    except OSError as error:
        raise ConfigError(
            f"cannot read the secret's file {file}: {error.strerror}", hint=hint
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"the secret's file {file} is not UTF-8", hint=hint) from None


def _run(command: str) -> str:
    program = (command.split() or [""])[0]
    try:
        answer = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ConfigError(
            f"the secret's command {program!r} failed: {_why(error)}",
            hint="run the command by hand: it must print the secret and exit 0, without asking",
        ) from None
    return _not_empty(answer.stdout, f"what the secret's command {program!r} printed")


def _why(error: Exception) -> str:
    """Without the command's words, which may hold the secret."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"it ended with code {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not end within {_PATIENCE:g} s"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _not_empty(text: str, what: str) -> str:
    """The secret without the line's end that editors and commands put behind it."""
    secret = text.rstrip("\r\n")
    if not secret:
        raise ConfigError(f"{what} is empty", hint="put the secret there, on one line")
    return secret


NO_SECRET = Secret()
