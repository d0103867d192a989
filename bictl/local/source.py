"""The source of the JVM stack: a Postgres of its own with the table dbo."Product", which stands in
for SQL Server's ConcordDb.dbo.Product.
"""

from typing import ClassVar

from bictl.local.postgres import Postgres

DATABASE = "ConcordDb"
USER = "concord"


class Source(Postgres):
    """Postgres with logical replication; the user `concord` owns the database ConcordDb."""

    name: ClassVar[str] = "source"
    port_names: ClassVar[tuple[str, ...]] = ("source",)
    user: ClassVar[str] = USER
    database: ClassVar[str] = DATABASE
    setup: ClassVar[str] = "local/source_setup"
    options: ClassVar[tuple[str, ...]] = (
        *("-c", "shared_buffers=64MB", "-c", "max_wal_senders=20"),
        *("-c", "max_replication_slots=20"),
        *("-c", "max_slot_wal_keep_size=2GB"),  # a slot that nobody reads keeps the log
        *("-c", "timezone=UTC"),
    )
