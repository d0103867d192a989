-- Some old rows of each partition, the first and the last among them: partition, offset, the
-- timestamp (milliseconds or an instant), key and value, all three as text.
with old as not materialized (
    select kafka_partition, kafka_offset from {table}
    where kafka_topic = %(topic)s and kafka_partition is not null and kafka_offset is not null
),
ends as (
    select kafka_partition, min(kafka_offset)::bigint as first, max(kafka_offset)::bigint as last
    from old
    group by kafka_partition
),
chosen as (
    select distinct ends.kafka_partition, (
        select min(o.kafka_offset) from old o
        where o.kafka_partition = ends.kafka_partition
            and o.kafka_offset >= ends.first + (ends.last - ends.first) * step / 4
    ) as kafka_offset
    from ends
    cross join generate_series(0, 4) as step
)
select b.kafka_partition, b.kafka_offset, to_jsonb(b) ->> 'kafka_timestamp', b.kafka_key::text, b.cdc_payload::text
from chosen
join {table} b using (kafka_partition, kafka_offset)
where b.kafka_topic = %(topic)s
order by 1, 2
