-- The rows that no object of ours has brought and no sealed batch covers, in order: partition,
-- offset, milliseconds, key and value as they were, with their inline schemas.
select
    b.kafka_partition::integer,
    b.kafka_offset,
    round(extract(epoch from b.kafka_timestamp) * 1000)::bigint,
    case
        when k.id is null then b.kafka_key::text
        else '{"schema":' || k.schema::text || ',' || substr(b.kafka_key::text, 2)
    end,
    case
        when v.id is null then b.cdc_payload::text
        else '{"schema":' || v.schema::text || ',' || substr(b.cdc_payload::text, 2)
    end
from {table} b
left join bronze.cdc_schema k on k.id = b.key_schema_id
left join bronze.cdc_schema v on v.id = b.schema_id
where b.kafka_topic = %(topic)s
    and b.generation = %(generation)s
    and b.kafka_partition = %(partition)s
    and not starts_with(b.batch_file, %(ours)s)
    and not (b.kafka_offset <@ %(covered)s::int8multirange)
order by b.kafka_offset
