-- Offsets of the rows that no object of ours has brought, as unbroken runs: generation, partition,
-- first, next.
with old as (
    select
        generation,
        kafka_partition,
        kafka_offset,
        kafka_offset - row_number() over (
            partition by generation, kafka_partition order by kafka_offset
        ) as run
    from {bronze}
    where kafka_topic = %(topic)s and not starts_with(batch_file, %(ours)s)
)
select generation, kafka_partition, min(kafka_offset), max(kafka_offset) + 1
from old
group by generation, kafka_partition, run
order by generation, kafka_partition, min(kafka_offset)
