"""This machine and this installation: configuration, model files, dbt, disk."""

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from bictl.clients import model_files
from bictl.doctor.probe import Answer, Probe

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.settings import Settings

LOW_DISK, NO_DISK = 1 << 30, 100 << 20  # bytes
# What images and tutorials ship with, and everybody tries first.
WELL_KNOWN = {"minioadmin", "postgres", "analytics", "admin", "password", "changeme", "minio123"}


def configuration(clients: "Clients") -> Generator[Probe, None, None]:
    """Where the settings come from; that they are legal was seen when they were read."""
    settings = clients.settings
    yield Probe("file", lambda: _file(settings))
    yield Probe("passwords", lambda: _passwords(settings))


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
    yield Probe("dbt", _dbt)


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


def machine(clients: "Clients") -> Generator[Probe, None, None]:
    """The state directory and its disk."""
    state_dir = clients.settings.state_dir
    yield Probe("state directory", lambda: _state_directory(state_dir))
    yield Probe("disk", lambda: _disk(state_dir))


def _state_directory(path: Path) -> Answer:
    existing = _existing(path)
    if not os.access(existing, os.W_OK | os.X_OK):
        hint = "give a directory that you may write: BICTL_STATE_DIR=…"
        return Answer("fail", f"{existing} cannot be written", hint)
    return Answer("ok", str(path) if existing == path else f"{path} will be made")


def _disk(path: Path) -> Answer:
    free = shutil.disk_usage(_existing(path)).free
    detail = f"{free / 1e9:.1f} GB free beside {path}"
    if free < LOW_DISK:
        hint = "make room: locks, dbt's target and the local stack are there"
        return Answer("fail" if free < NO_DISK else "warn", detail, hint)
    return Answer("ok", detail)


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
