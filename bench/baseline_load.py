"""The way of the scripts that bictl replaces: each row parsed, written again, inserted alone."""

import json
from collections.abc import Iterable

TABLE = """
create schema if not exists baseline;
create table if not exists baseline.product_cdc (
    id bigserial primary key,
    kafka_topic text not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    kafka_timestamp timestamptz not null,
    kafka_key jsonb,
    cdc_payload jsonb,
    ingested_at timestamptz not null default now(),
    batch_file text not null,
    unique (kafka_topic, kafka_partition, kafka_offset)
);
truncate baseline.product_cdc
"""
INSERT = """
insert into baseline.product_cdc (kafka_topic, kafka_partition, kafka_offset, kafka_timestamp,
    kafka_key, cdc_payload, batch_file)
values (%s, %s, %s, to_timestamp(%s / 1000.0), %s, %s, %s)
on conflict do nothing
"""


def load_row_by_row(connection, batches: Iterable[tuple[str, bytes]]) -> int:
    """Loads (key, JSON lines), one commit a batch; how many rows it inserted."""
    inserted = 0
    with connection.cursor() as cursor:
        for name, body in batches:
            for text in body.split(b"\n")[:-1]:
                line = json.loads(text)
                cursor.execute(
                    INSERT,
                    (
                        line["topic"],
                        line["partition"],
                        line["offset"],
                        line["timestamp"],
                        None if line["key"] is None else json.dumps(line["key"]),
                        None if line["value"] is None else json.dumps(line["value"]),
                        name,
                    ),
                )
                inserted += cursor.rowcount
            connection.commit()
    return inserted
