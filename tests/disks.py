"""Disks that are soon full: a file system of its own in memory, which only root may mount."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(size: int, *, at: Path | None = None) -> Iterator[Path]:
    """An empty disk of `size` bytes; `at` is a directory that is there, else it is made."""
    with tempfile.TemporaryDirectory(prefix="bictl-disk-") as name:
        place = at or Path(name)
        words = ("-o", f"size={size},mode=755", "tmpfs", str(place))
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"this test mounts a small disk, as root: {done.stderr}"
        try:
            yield place
        finally:
            # lazily: what still holds a file there keeps it, and nobody else sees the disk
            subprocess.run(["umount", "--lazy", str(place)], check=True)
