-- The partitions of a generation whose records are here from before the newest first marker of a
-- snapshot on: those that hold a marker, and those whose first record was written before it.
with marker as (
    select kafka_partition, kafka_timestamp
    from {bronze}
    where kafka_topic = %(topic)s
        and generation = %(generation)s
        and coalesce(cdc_payload -> 'payload', cdc_payload) -> 'source' ->> 'snapshot'
            in ('first', 'first_in_data_collection')
)
select kafka_partition from marker
union
select began.kafka_partition
from (
    select distinct on (kafka_partition) kafka_partition, kafka_timestamp
    from {bronze}
    where kafka_topic = %(topic)s and generation = %(generation)s
    order by kafka_partition, kafka_offset
) as began
where began.kafka_timestamp < (select max(kafka_timestamp) from marker)
