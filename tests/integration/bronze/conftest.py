"""What the bronze tests share: a migrated database and what is in it."""

from dataclasses import dataclass

import pytest

from bictl.bronze import LoadResult, load, migrate
from bictl.clients import Clients
from bictl.settings import Table


@dataclass(frozen=True)
class Bronze:
    """A migrated database, its bucket and the table under test."""

    clients: Clients
    table: Table

    def load(self, **options: object) -> LoadResult:
        """Loads what is new."""
        return load(
            self.clients.objects, self.clients.database, table=self.table, run="test", **options
        )

    def value(self, query: str, *parameters: object) -> object:
        return self.clients.database.value(query, parameters)

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        return self.clients.database.rows(query, parameters)

    def events(self) -> dict[tuple, tuple]:
        """(generation, partition, offset) → key and value as jsonb's text, the instant."""
        query = """
            select generation, kafka_partition, kafka_offset,
                kafka_key::text, cdc_payload::text, kafka_timestamp
            from bronze.product_cdc_events"""
        return {tuple(row[:3]): tuple(row[3:]) for row in self.rows(query)}

    def contents(self) -> tuple[set, ...]:
        """All that loading leaves behind, without the times of loading."""
        return tuple(
            set(self.rows(query))
            for query in (
                """select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
                    kafka_key::text, cdc_payload::text, batch_file, v.sha256::text, k.sha256::text
                from bronze.product_cdc b
                left join bronze.cdc_schema v on v.id = b.schema_id
                left join bronze.cdc_schema k on k.id = b.key_schema_id""",
                """select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
                    raw_key::text, raw_value::text, sqlstate, reason, batch_file
                from bronze.cdc_quarantine""",
                """select object_key, sha256, etag, size, first_offset, next_offset, n_records,
                    n_tombstones, n_loaded, n_quarantined, n_duplicate, n_conflict, ingest_run
                from bictl.object_ledger""",
                "select kafka_topic, generation, generation_no from bronze.cdc_generation",
            )
        )


@pytest.fixture
def bronze(settings, clients) -> Bronze:
    migrate(clients.database, settings.tables.values())
    return Bronze(clients, settings.table("product"))
