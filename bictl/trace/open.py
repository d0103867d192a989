"""The systems of one table, opened side by side for one trace; what does not open is kept as an
error, and is that layer's answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from bictl.clients.imports import import_vendors
from bictl.errors import BictlError, NotFound
from bictl.records import Topic
from bictl.trace import shelf
from bictl.trace.shelf import Lives
from bictl.trace.warehouse import Warehouse

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader
    from bictl.ingest import Generation
    from bictl.settings import Table

_T = TypeVar("_T")


class Systems:
    """Kafka, the bucket and Postgres, as far as they answer."""

    def __init__(
        self,
        reader: "TopicReader",
        objects: "ObjectStore",
        warehouse: Warehouse,
        *,
        table: "Table",
    ) -> None:
        self.reader, self.objects, self.warehouse, self.table = reader, objects, warehouse, table
        import_vendors(dbt=False)
        with ThreadPoolExecutor(3) as pool:
            topic = pool.submit(tried, lambda: reader.describe(table.topic))
            lives = pool.submit(tried, lambda: shelf.lives(objects, table))
            opened = pool.submit(tried, warehouse.open)
        self.topic: Topic | BictlError = topic.result()
        self.lives: Lives | BictlError = lives.result()
        self.refused: BictlError | None = opened.result()
        self._loaded = self._generations()
        self.life = self._life()
        self.numbers = self._numbers()

    @property
    def errors(self) -> list[BictlError]:
        """What did not open, from Kafka down."""
        found = (self.topic, self.lives, self.refused)
        return [error for error in found if isinstance(error, BictlError)]

    def generation(self, asked: str | None) -> str | None:
        """The generation of that name or of a beginning of one; without a name the current one,
        else the newest that is known."""
        if asked is None:
            return self.life or max(self.numbers, key=lambda name: self.numbers[name], default=None)
        if asked in self.numbers:
            return asked
        found = [name for name in self.numbers if name.startswith(asked)]
        if len(found) != 1:
            raise NotFound("generation", asked, existing=self.numbers)
        return found[0]

    def _life(self) -> str | None:
        """The generation of the topic as it is now; None where that is not known or accepted."""
        topic, lives = self.topic, self.lives
        if isinstance(topic, BictlError):
            return None
        if isinstance(lives, Lives):
            return shelf.current_life(topic, lives.generations, lives.acks)
        return shelf.current_life(topic, self._loaded, ()) or topic.id

    def _numbers(self) -> dict[str, int]:
        """Every generation that is known, with its place in the order."""
        known = [*self._loaded, *(self.lives.generations if isinstance(self.lives, Lives) else ())]
        found = {one.name: one.number for one in known}
        if self.life is not None and self.life not in found:
            found[self.life] = 1 + max(found.values(), default=-1)
        return found

    def _generations(self) -> "list[Generation]":
        """Those that Postgres knows, in their order."""
        from bictl.ingest import Generation

        known = tried(self.warehouse.generations) if self.refused is None else {}
        found = {} if isinstance(known, BictlError) else known
        return sorted(Generation(no, name, self.table.topic) for name, no in found.items())


def tried(read: Callable[[], _T]) -> _T | BictlError:
    """What was read, or why it could not be."""
    try:
        return read()
    except BictlError as error:
        return error
