"""A stack whose store and database stand each on a small disk of its own, which a test fills."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from disks import small_disk

from bictl import settings as configured
from bictl.clients.database import Database
from bictl.local import state
from bictl.local.postgres import SUPERUSER
from bictl.local.stack import Stack
from bictl.settings.secret import Secret

SIZE = 2 << 30  # bytes; what is not written takes no memory
_CHUNK = bytes(1 << 20)


class Disk:
    """One small disk; `fill` leaves nothing of it, `free` gives all of it back."""

    def __init__(self, place: Path) -> None:
        self.place, self._ballast = place, place / "ballast"

    def fill(self) -> None:
        """Writes until there is no room, not for a byte."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (len(_CHUNK), 4096, 1):
                written = size
                while written == size:
                    try:
                        written = file.write(_CHUNK[:size])
                    except OSError:
                        break

    def free(self) -> None:
        """The room is there again."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def on_small_disks(directory: Path) -> Iterator[tuple[Stack, dict[str, Disk]]]:
    """A running stack, and its disks: `s3`, `postgres`, `wal`."""
    stack = Stack.start(directory)
    places = {"s3": stack.directory / "s3", "postgres": _data(stack)}
    stack.stop()
    with ExitStack() as mounted:
        for place in [*places.values(), places["postgres"] / "pg_wal"]:
            _move(place, mounted)
        disks = {name: Disk(place) for name, place in places.items()}
        disks["wal"] = Disk(places["postgres"] / "pg_wal")
        started = Stack.start(directory)
        try:
            yield started, disks
        finally:
            for disk in disks.values():
                disk.free()
            started.stop()
    stack.purge()


def superuser(stack: Stack) -> Database:
    """A connection of the server's own superuser."""
    shared = configured.load(config=str(stack.configuration), environment={})
    secret = Secret(state.load(stack.directory).secrets["postgres_superuser"])
    return Database(replace(shared.postgres, user=SUPERUSER, password=secret))


def _data(stack: Stack) -> Path:
    with superuser(stack) as database:
        return Path(str(database.value("show data_directory")))


def _move(place: Path, mounted: ExitStack) -> None:
    """What stands there stands on a small disk now."""
    kept, status = place.with_name(f"{place.name}.kept"), place.stat()
    place.rename(kept)
    place.mkdir()
    mounted.enter_context(small_disk(SIZE, at=place))
    os.chown(place, status.st_uid, status.st_gid)
    place.chmod(status.st_mode & 0o777)
    for one in sorted(kept.iterdir()):
        shutil.move(one, place / one.name)
        _own(place / one.name, status.st_uid, status.st_gid)
    kept.rmdir()


def _own(place: Path, user: int, group: int) -> None:
    os.chown(place, user, group)
    for directory, folders, files in os.walk(place):
        for name in (*folders, *files):
            os.chown(Path(directory) / name, user, group, follow_symlinks=False)
