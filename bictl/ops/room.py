"""How much room a disk has."""

import shutil
from pathlib import Path

from bictl.ops.answer import Answer

LOW, NONE = 1 << 30, 100 << 20  # bytes


def room(path: Path, *, use: str) -> Answer:
    """The free bytes beside `path`, which may not be there yet; `use` says what needs them."""
    return of_bytes(shutil.disk_usage(existing(path)).free, where=f"beside {path}", use=use)


def of_bytes(free: int, *, where: str, use: str) -> Answer:
    """The same for a disk that somebody else told the free bytes of."""
    detail = f"{free / 1e9:.1f} GB free {where}"
    if free < LOW:
        return Answer("fail" if free < NONE else "warn", detail, f"make room: {use}")
    return Answer("ok", detail)


def existing(path: Path) -> Path:
    """The path itself or the nearest directory above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
