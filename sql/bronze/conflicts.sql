-- The copied records whose offset bronze holds with other content, and the object it came from.
select c.kafka_offset, b.batch_file
from pg_temp.bictl_batch c
join {table} b
    on b.kafka_topic = %(topic)s
    and b.generation = %(generation)s
    and b.kafka_partition = %(partition)s
    and b.kafka_offset = c.kafka_offset
where b.kafka_key is distinct from c.kafka_key
    or b.cdc_payload is distinct from c.cdc_payload
    or b.key_schema_id is distinct from (%(schema_ids)s::integer[])[c.key_schema_no]
    or b.schema_id is distinct from (%(schema_ids)s::integer[])[c.schema_no]
    or b.kafka_timestamp <> timestamptz 'epoch'
        + (c.timestamp_ms / 86400000) * interval '1 day'
        + (c.timestamp_ms %% 86400000) * interval '1 millisecond'
order by c.kafka_offset
