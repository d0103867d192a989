"""How much room a disk has."""

import shutil
from pathlib import Path

from bictl.doctor.probe import Answer

LOW, NONE = 1 << 30, 100 << 20  # bytes


def room(path: Path, *, use: str) -> Answer:
    """The free bytes beside `path`, which may not be there yet; `use` says what needs them."""
    free = shutil.disk_usage(existing(path)).free
    detail = f"{free / 1e9:.1f} GB free beside {path}"
    if free < LOW:
        return Answer("fail" if free < NONE else "warn", detail, f"make room: {use}")
    return Answer("ok", detail)


def existing(path: Path) -> Path:
    """The path itself or the nearest directory above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
