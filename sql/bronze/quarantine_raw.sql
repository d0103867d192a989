-- The bytes of records in quarantine: offset, milliseconds since the epoch (null beyond the
-- calendar), key, value.
select
    kafka_offset,
    case when isfinite(kafka_timestamp)
        then (extract(epoch from kafka_timestamp) * 1000)::bigint end,
    raw_key,
    raw_value
from bronze.cdc_quarantine
where kafka_topic = %(topic)s
    and generation = %(generation)s
    and kafka_partition = %(partition)s
    and kafka_offset = any(%(offsets)s)
order by kafka_offset
