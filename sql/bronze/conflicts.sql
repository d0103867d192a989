-- The copied records whose offset bronze holds with another event, and the object it came from.
-- Events are compared whole: the same schema may have been interned from other bytes, and a row that
-- was taken over may have been split elsewhere.
with known as materialized (
    select id, schema, min(id) over (partition by schema) as first_id from bronze.cdc_schema
)
select c.kafka_offset, b.batch_file
from pg_temp.bictl_batch c
join {table} b
    on b.kafka_topic = %(topic)s
    and b.generation = %(generation)s
    and b.kafka_partition = %(partition)s
    and b.kafka_offset = c.kafka_offset
left join known bk on bk.id = b.key_schema_id
left join known bv on bv.id = b.schema_id
left join known ck on ck.id = (%(schema_ids)s::integer[])[c.key_schema_no]
left join known cv on cv.id = (%(schema_ids)s::integer[])[c.schema_no]
where b.kafka_timestamp <> timestamptz 'epoch'
        + (c.timestamp_ms / 86400000) * interval '1 day'
        + (c.timestamp_ms %% 86400000) * interval '1 millisecond'
    or (
        (b.kafka_key is distinct from c.kafka_key or bk.first_id is distinct from ck.first_id)
        and case when bk.id is null then b.kafka_key
            else jsonb_build_object('schema', bk.schema) || b.kafka_key end
        is distinct from case when ck.id is null then c.kafka_key
            else jsonb_build_object('schema', ck.schema) || c.kafka_key end
    )
    or (
        (b.cdc_payload is distinct from c.cdc_payload or bv.first_id is distinct from cv.first_id)
        and case when bv.id is null then b.cdc_payload
            else jsonb_build_object('schema', bv.schema) || b.cdc_payload end
        is distinct from case when cv.id is null then c.cdc_payload
            else jsonb_build_object('schema', cv.schema) || c.cdc_payload end
    )
order by c.kafka_offset
