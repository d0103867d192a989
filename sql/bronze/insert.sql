-- The copied records into bronze; those that are there already stay as they are. Milliseconds become
-- an instant by whole days and the remainder: exact, unlike a division.
insert into {table} (
    kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
    kafka_key, cdc_payload, key_schema_id, schema_id, batch_file
)
select
    %(topic)s, %(generation)s, %(partition)s, kafka_offset,
    timestamptz 'epoch' + (timestamp_ms / 86400000) * interval '1 day'
        + (timestamp_ms %% 86400000) * interval '1 millisecond',
    kafka_key, cdc_payload,
    (%(schema_ids)s::integer[])[key_schema_no], (%(schema_ids)s::integer[])[schema_no], %(file)s
from pg_temp.bictl_batch
on conflict (kafka_topic, generation, kafka_partition, kafka_offset) do nothing
