"""The services, one file each; the only place where vendor packages are imported."""

from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bictl.settings import Settings

if TYPE_CHECKING:
    from bictl.clients.connect import ConnectWorker
    from bictl.clients.database import Database
    from bictl.clients.encoder import Encoder
    from bictl.clients.objects import ObjectStore
    from bictl.clients.sqlserver import SqlServer
    from bictl.clients.topics import TopicReader


class Clients:
    """Each service of the settings, opened when it is first needed and closed together."""

    def __init__(self, settings: Settings, *, timeout: float = 30.0) -> None:
        self.settings, self._timeout = settings, timeout

    @cached_property
    def reader(self) -> "TopicReader":
        """Kafka."""
        from bictl.clients.topics import TopicReader

        return TopicReader(self.settings.kafka, timeout=self._timeout)

    @cached_property
    def objects(self) -> "ObjectStore":
        """The bucket."""
        from bictl.clients.objects import ObjectStore

        return ObjectStore(self.settings.s3, timeout=self._timeout)

    @cached_property
    def database(self) -> "Database":
        """Postgres."""
        return self.new_database()

    def new_database(
        self, application: str = "bictl", *, statement_timeout: float | None = None
    ) -> "Database":
        """Another connection to Postgres, which its caller closes: for locks, for threads, for
        statements that may take so many seconds and no more."""
        from bictl.clients.database import Database

        return Database(
            self.settings.postgres,
            application=application,
            timeout=self._timeout,
            statement_timeout=statement_timeout,
        )

    def encoder(self) -> "Encoder":
        """The configured model, for many texts."""
        from bictl.clients.encoder import open_encoder

        return open_encoder(self.settings.embedding)

    def query_encoder(self) -> "Encoder":
        """The configured model, for one text soon."""
        from bictl.clients.encoder import open_query_encoder

        return open_query_encoder(self.settings.embedding, state_dir=self.settings.state_dir)

    def connect(self) -> "ConnectWorker":
        """The Kafka Connect worker."""
        from bictl.clients.connect import ConnectWorker

        return ConnectWorker(self.settings.connect, timeout=self._timeout)

    def write(self, topic: str, *, partition: int, key: bytes, value: bytes) -> int:
        """Writes one record to a topic that exists; its offset."""
        from bictl.clients.topic_writer import write_record

        return write_record(
            self.settings.kafka,
            topic,
            partition=partition,
            key=key,
            value=value,
            timeout=self._timeout,
        )

    @cached_property
    def source(self) -> "SqlServer":
        """The source itself."""
        from bictl.clients.sqlserver import SqlServer

        return SqlServer(self.settings.sqlserver, timeout=self._timeout)

    def source_database(self, dbname: str) -> "Database":
        """A connection to a source that is a Postgres, which its caller closes."""
        from bictl.clients.database import Database

        given = self.settings.source
        address = replace(given, dbname=given.dbname or dbname)
        return Database(address, application="bictl verify", timeout=self._timeout)

    def close(self) -> None:
        """Closes what was opened."""
        for name in ("reader", "database", "source"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
