-- Seconds from a commit at the source to its record in the topic, of the changes at or after an
-- offset: the median, and what 99 of 100 stay below.
select
    percentile_cont(array[0.5, 0.99]) within group (
        order by
            extract(epoch from kafka_timestamp)
            - (cdc_payload -> 'payload' -> 'source' ->> 'ts_ms')::bigint / 1000.0
    )
from {bronze}
where kafka_topic = %(topic)s and kafka_offset >= %(first)s
    and cdc_payload -> 'payload' ->> 'op' in ('c', 'u', 'd')
