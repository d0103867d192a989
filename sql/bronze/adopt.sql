-- Rows of other scripts that are the copied records: this object is what holds them from now on. They
-- are written as a load would have written them, so that nothing tells them apart any more.
update {table} b set
    batch_file = %(file)s,
    kafka_key = c.kafka_key,
    cdc_payload = c.cdc_payload,
    key_schema_id = (%(schema_ids)s::integer[])[c.key_schema_no],
    schema_id = (%(schema_ids)s::integer[])[c.schema_no]
from pg_temp.bictl_batch c
where b.kafka_topic = %(topic)s
    and b.generation = %(generation)s
    and b.kafka_partition = %(partition)s
    and b.kafka_offset = c.kafka_offset
    and not starts_with(b.batch_file, %(ours)s)
    and b.kafka_offset <> all (%(conflicts)s::bigint[])
