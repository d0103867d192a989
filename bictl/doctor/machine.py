"""This machine and this installation: configuration, model files, dbt, disk."""

import importlib.metadata
import importlib.util
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from bictl.clients import model_files
from bictl.clients.dbt import Dbt
from bictl.clients.topic_reach import is_loopback
from bictl.doctor.probe import Answer, Probe
from bictl.errors import NotFound
from bictl.ops.room import existing, room
from bictl.settings.explain import secrets

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.settings import Settings

# What images and tutorials ship with, and everybody tries first.
WELL_KNOWN = {"minioadmin", "postgres", "analytics", "admin", "password", "changeme", "minio123"}


def configuration(clients: "Clients") -> Generator[Probe, None, None]:
    """Where the settings come from; that they are legal was seen when they were read."""
    settings = clients.settings
    yield Probe("file", lambda: _file(settings))
    yield Probe("passwords", lambda: _passwords(settings))
    yield Probe("secrets' files", lambda: _secret_files(settings))
    yield Probe("wire", lambda: _wire(settings))


def _file(settings: "Settings") -> Answer:
    tables = ", ".join(settings.tables)
    if settings.path is None:
        hint = "bictl config init"
        return Answer("warn", f"no file: defaults and environment; tables: {tables}", hint)
    origin = " (the local stack's)" if settings.local_stack else ""
    profile = f", profile {settings.profile}" if settings.profile else ""
    return Answer("ok", f"{settings.path}{origin}{profile}; tables: {tables}")


def _passwords(settings: "Settings") -> Answer:
    found = {
        "s3.secret_access_key": settings.s3.secret_access_key,
        "postgres.password": settings.postgres.password,
        "kafka.sasl_password": settings.kafka.sasl_password,
        "connect.password": settings.connect.password,
    }
    known = [key for key, secret in found.items() if (secret.reveal() or "") in WELL_KNOWN]
    if known:
        return Answer("fail", f"{', '.join(known)}: a password that everybody knows", "change it")
    given = [key for key, secret in found.items() if secret]
    return Answer("ok", ", ".join(given) or "none configured")


def _secret_files(settings: "Settings") -> Answer:
    """Every secret can be read, and only its owner can change it; others cannot read it, which was
    seen when it was read."""
    given = secrets(settings)
    for secret in given:
        secret.reveal()
    files = [Path(secret.file).expanduser() for secret in given if secret.file]
    if settings.path is not None and given:
        files.append(settings.path)
    open_to_others = [str(path) for path in files if path.stat().st_mode & 0o022]
    if open_to_others:
        names = " ".join(open_to_others)
        return Answer("fail", f"others may change {names}", f"chmod go-w {names}")
    return Answer("ok", f"{len(given)} secrets can be read, nobody else may change them")


def _wire(settings: "Settings") -> Answer:
    """What travels unencrypted to another machine."""
    hosts = [server.rpartition(":")[0] for server in settings.kafka.bootstrap_servers.split(",")]
    if settings.kafka.security_protocol == "PLAINTEXT" and not all(map(is_loopback, hosts)):
        hint = 'set kafka.security_protocol = "SSL" or "SASL_SSL" where the brokers have it'
        return Answer("warn", "records travel unencrypted from Kafka", hint)
    if settings.postgres.sslmode in ("disable", "allow", "prefer") and not (
        settings.postgres.host.startswith("/") or is_loopback(settings.postgres.host)
    ):
        text = f"postgres.sslmode {settings.postgres.sslmode} lets rows travel unencrypted"
        return Answer("warn", text, "leave postgres.sslmode out: verify-full is taken then")
    return Answer("ok", "nothing leaves this machine unencrypted")


def model(clients: "Clients") -> Generator[Probe, None, None]:
    """The packaged model's files, hashed whole."""
    name = clients.settings.embedding.model
    yield Probe("files", lambda: _model(name))


def _model(name: str) -> Answer:
    if name != model_files.MODEL:
        return Answer("skipped", f"{name} is not the packaged model: its files are not pinned")
    folder = model_files.verified(*model_files.PINNED)
    return Answer("ok", f"{len(model_files.PINNED)} files with the pinned sha256 in {folder}")


def dbt(clients: "Clients") -> Generator[Probe, None, None]:
    """dbt and its Postgres adapter, beside this program."""
    yield Probe("dbt", _dbt, door=True)
    yield Probe("models", lambda: _models(clients.settings))


def _dbt() -> Answer:
    versions = []
    for package, module in (("dbt-core", "dbt"), ("dbt-postgres", "dbt.adapters.postgres")):
        try:
            found = importlib.util.find_spec(module)
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except (ImportError, importlib.metadata.PackageNotFoundError):
            found = None
        if found is None:
            return Answer("fail", f"{package} is not installed", f"pip install {package}")
    return Answer("ok", ", ".join(versions))


def _models(settings: "Settings") -> Answer:
    project = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)
    known = project.models()
    for table in settings.tables.values():
        if table.staging not in known:
            raise NotFound("dbt model", table.staging, existing=known, where="in the project")
    return Answer("ok", f"{len(settings.tables)} in {project.project_dir}")


def machine(clients: "Clients") -> Generator[Probe, None, None]:
    """The state directory and its disk."""
    state_dir = clients.settings.state_dir
    yield Probe("state directory", lambda: _state_directory(state_dir))
    yield Probe("disk", lambda: room(state_dir, use="locks, dbt's target and logs are there"))


def _state_directory(path: Path) -> Answer:
    there = existing(path)
    if not os.access(there, os.W_OK | os.X_OK):
        hint = "give a directory that you may write: BICTL_STATE_DIR=…"
        return Answer("fail", f"{there} cannot be written", hint)
    return Answer("ok", str(path) if there == path else f"{path} will be made")
