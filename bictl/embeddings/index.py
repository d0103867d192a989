"""The HNSW index of a table's vectors: there, valid, and built when that is cheaper than grown."""

import re
from typing import TYPE_CHECKING

from bictl import assets
from bictl.clients.relations import quoted
from bictl.errors import StageFailed
from bictl.settings.values import PRODUCT

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.embeddings.layout import Layout

# Growing the graph by a row takes 1.1 ms, building it anew 0.2 ms a row: measured break-even.
REBUILD_SHARE = 0.18
REBUILD_ROWS = 1_000  # below that neither takes a second
_NO_SHARED_MEMORY = "53100"  # a container's 64 MB of /dev/shm is too little for parallel workers


class VectorIndex:
    """The index of one table. Two runs at once: the first one works on it, the other leaves it."""

    def __init__(self, database: "Database", layout: "Layout") -> None:
        self._database, self._layout = database, layout
        self._lock = f"bictl:index:{layout.table.embeddings}"

    def prepare(self, *, changed: int, stored: int, anew: bool = False) -> None:
        """Before a load: an index that would cost more to grow than to build is dropped; with
        `anew` any."""
        large = changed >= REBUILD_ROWS and changed > REBUILD_SHARE * stored
        if (large or anew) and self._take():
            try:
                for name, _, is_in_progress in self._found():
                    if not is_in_progress:
                        self._drop(name)
            finally:
                self._release()

    def complete(self, *, is_empty: bool, is_changed: bool) -> str:
        """After a load: `kept`, `built`, `left to another run`, or `none` for an empty table."""
        if not self._take():
            return "left to another run"
        try:
            if is_changed:
                self._analyse()
            found = self._found()
            for name, is_valid, is_in_progress in found:
                if not is_valid and not is_in_progress:
                    self._drop(name)
            if any(is_valid for _, is_valid, _ in found):
                return "kept"
            if is_empty:
                return "none"
            self._build()
            return "built"
        finally:
            self._release()

    def _analyse(self) -> None:
        """Tells the planner of the new rows: autovacuum comes a minute later, a search may not.

        Under the lock too: ANALYZE and a concurrent build wait for each other, a deadlock.
        """
        self._database.autocommit(
            self._database.named("embeddings/analyze", table=self._layout.table.embeddings)
        )

    def _build(self) -> None:
        statements = self._statements()
        try:
            for statement in statements:
                self._database.autocommit(statement)
        except StageFailed as error:
            if self._database.sqlstate(error) != _NO_SHARED_MEMORY:
                raise
            self._drop_invalid()
            for statement in ("set max_parallel_maintenance_workers = 0", *statements):
                self._database.autocommit(statement)

    def _statements(self) -> list[str]:
        """The statements of the file that psql runs, with this table's names."""
        text = re.sub(r"--.*", "", assets.sql("search/create_hnsw_index"))
        bare = PRODUCT.embeddings.split(".")[1]
        text = text.replace(f"{bare}_hnsw", quoted(self._layout.index))
        text = text.replace(PRODUCT.embeddings, quoted(self._layout.table.embeddings))
        return [statement.strip() for statement in text.split(";") if statement.strip()]

    def _drop_invalid(self) -> None:
        for name, is_valid, is_in_progress in self._found():
            if not is_valid and not is_in_progress:
                self._drop(name)

    def _drop(self, name: str) -> None:
        self._database.autocommit(f"drop index concurrently if exists {name}")  # quoted by format()

    def _found(self) -> list[tuple[str, bool, bool]]:
        found = self._database.rows(
            assets.sql("embeddings/index_state"),
            {"table": quoted(self._layout.table.embeddings), "ours": self._layout.index},
        )
        return [(name, is_valid, is_in_progress) for name, is_valid, is_in_progress in found]

    def _take(self) -> bool:
        return self._database.try_lock(self._lock)

    def _release(self) -> None:
        self._database.rows("select pg_advisory_unlock(hashtextextended(%s, 0))", [self._lock])
