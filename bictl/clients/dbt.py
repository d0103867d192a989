"""dbt: a project's models built and tested by dbt-core in a process of its own.

Where it works (profile, target, parsed manifest) is in the state directory, so the project may be
read-only. The profile comes from bictl's settings; the password travels in the environment, under
a name that dbt keeps out of its logs and manifests.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from bictl import assets, settings
from bictl.clients.awaited import awaiting
from bictl.clients.database import Database, tls
from bictl.clients.dbt_report import Node, OnNode, Report
from bictl.clients.process import Child
from bictl.errors import ConfigError, MissingDependency
from bictl.records import Stop, never_stop

_PASSWORD = "DBT_ENV_SECRET_BICTL_PASSWORD"  # noqa: S105 - dbt masks values of this prefix
_MACROS = "DBT_BICTL_MACROS"  # how a project asks for the macros of this version
_HEARS = 2.0  # seconds that dbt has to end by itself when Postgres hears nobody
_LOOK = 0.1  # seconds between two looks at a lock that another process holds


def _leave_queries() -> None:
    """For callers without a database."""


class Dbt:
    """One dbt project against one database."""

    def __init__(self, dbt: settings.Dbt, postgres: settings.Postgres, *, state_dir: Path) -> None:
        self._settings, self._postgres = dbt, postgres
        self.project_dir = (
            Path(dbt.project_dir).expanduser().absolute() if dbt.project_dir else assets.path("dbt")
        )
        if not (self.project_dir / "dbt_project.yml").is_file():
            raise ConfigError(
                f"{self.project_dir} is not a dbt project: it has no dbt_project.yml",
                hint="correct dbt.project_dir, or leave it out for the shipped project",
            )
        self.view_schema = dbt.view_schema
        self.directory = state_dir / "dbt" / self._identity()
        place = f"{socket.gethostname()}\0{self.directory}"
        self.application = f"bictl dbt {hashlib.sha256(place.encode()).hexdigest()[:16]}"

    @property
    def fingerprint(self) -> str:
        """A digest of everything here that a build depends on: the project's files, where it
        builds, dbt's version."""
        digest = hashlib.sha256("/".join([self._identity(), *_versions()]).encode())
        described = (self.project_dir / "dbt_project.yml").read_text(encoding="utf-8")
        macros = assets.path("dbt", "macros")
        for root in (self.project_dir, *([macros] if _MACROS in described else [])):
            for path in sorted(_files(root)):
                digest.update(f"\0{path.relative_to(root)}\0".encode() + path.read_bytes())
        return digest.hexdigest()

    def models(self) -> list[str]:
        """The names of the project's models and of its packages'."""
        return sorted({path.stem for path in self._models()})

    def model_file(self, model: str) -> Path | None:
        """The file of a model; None where the project has none of that name."""
        return next((path for path in self._models() if path.stem == model), None)

    def _models(self) -> list[Path]:
        return [path for path in _files(self.project_dir) if path.suffix == ".sql"
                and "models" in path.relative_to(self.project_dir).parts]  # fmt: skip

    def build(
        self,
        models: Sequence[str],
        *,
        on_node: OnNode,
        end_queries: Callable[[], None] = _leave_queries,
        stop: Stop = never_stop,
        timeout: float | None = None,
    ) -> list[Node]:
        """Builds the models and runs their tests; every node that ended, in the order of ending.

        Stops early when `stop` asks. `end_queries` ends the connections named `application`: it is
        called while no dbt works here, before the start for a dbt that was killed, and afterwards
        for one that did not end by itself. Raises MissingDependency without dbt, StageFailed when
        dbt itself failed (a file that does not parse) or was killed, TimedOut after `timeout`
        seconds.
        """
        _versions()
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        errors = self.directory / "stderr.log"
        report = Report(self.directory / "target", on_node)
        with self._alone(stop) as alone:
            if not alone:
                return []
            end_queries()
            try:
                with (
                    awaiting(f"dbt, at work in Postgres at {self._address}"),
                    Child(
                        self._command(models),
                        environment=self._environment(),
                        directory=self.directory,
                        errors=errors,
                    ) as child,
                    Database(self._postgres).asked_after(lambda: child.end(_HEARS)),
                ):
                    for line in child.lines(stop=stop, timeout=timeout):
                        report.read(line)
                    if not stop():
                        report.check(child.wait(), errors)
            finally:
                if not report.is_whole:
                    end_queries()
        return report.nodes

    def _command(self, models: Sequence[str]) -> list[str]:
        profiles = self.directory / "profiles.yml"
        _write_private(profiles, json.dumps(self._profiles(), indent=2))
        start = (
            "from bictl.clients.orphan import cancel_queries, end_after;"
            f"end_after({os.getpid()}, cancel=cancel_queries);"
            "from dbt.cli.main import cli; cli()"
        )
        return [
            *(sys.executable, "-P", "-c", start),
            *("--log-format", "json", "--no-use-colors", "--log-level-file", "info"),
            *("--no-send-anonymous-usage-stats", "--cache-selected-only"),
            *("build", "--project-dir", str(self.project_dir)),
            *("--profiles-dir", str(self.directory), "--profile", "bictl", "--target", "bictl"),
            *("--select", *models),
        ]

    def _profiles(self) -> dict[str, Any]:
        """profiles.yml; JSON is YAML."""
        output = {
            "type": "postgres",
            "host": self._postgres.host,
            "port": self._postgres.port,
            "dbname": self._postgres.dbname,
            "user": self._postgres.user,
            "password": f"{{{{ env_var('{_PASSWORD}', '') }}}}",
            "schema": self._settings.target_schema,
            "threads": self._settings.threads,
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "application_name": self.application,
            **tls(self._postgres),
        }
        return {"bictl": {"target": "bictl", "outputs": {"bictl": output}}}

    def _environment(self) -> dict[str, str]:
        """Ours without what would steer dbt from outside, and without bictl's own secrets."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DBT_", "BICTL_"))
        }
        return kept | {
            _PASSWORD: self._postgres.password.reveal() or "",
            _MACROS: str(assets.path("dbt", "macros")),
            "DBT_TARGET_PATH": str(self.directory / "target"),
            "DBT_LOG_PATH": str(self.directory / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def _address(self) -> str:
        return f"{self._postgres.host}:{self._postgres.port}"

    @contextlib.contextmanager
    def _alone(self, stop: Stop) -> Iterator[bool]:
        """Waits until no other dbt works in the target directory; False when asked to stop."""
        with (self.directory / "lock").open("w") as lock:
            while not stop():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel frees it
                    break
                with awaiting(f"another dbt that works in {self.directory}"):
                    time.sleep(_LOOK)
            yield not stop()

    def _identity(self) -> str:
        """Projects and databases with target directories of their own: dbt parses everything anew
        when the profile changes."""
        postgres = self._postgres
        place = (self.project_dir, postgres.host, postgres.port, postgres.dbname, postgres.user)
        named = "\0".join(str(part) for part in (*place, self._settings.target_schema))
        return hashlib.sha256(named.encode()).hexdigest()[:16]


def _files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        inside = path.relative_to(root).parts
        hidden = any(part.startswith(".") for part in inside)
        if not hidden and inside[0] not in {"target", "logs"} and path.is_file():
            yield path


def _versions() -> tuple[str, str]:
    try:
        return metadata.version("dbt-core"), metadata.version("dbt-postgres")
    except metadata.PackageNotFoundError as missing:
        raise MissingDependency(
            f"{missing.name} is not installed beside {sys.executable}",
            hint='pip install "dbt-core>=1.10,<1.12" "dbt-postgres>=1.9,<1.12"',
        ) from None


def _write_private(path: Path, text: str) -> None:
    """Writes the file for its owner only, unless it holds that text: dbt reparses on a change."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    written = path.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(text, encoding="utf-8")
    written.replace(path)
