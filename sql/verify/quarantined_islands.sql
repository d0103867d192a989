-- Which offsets stand in the quarantine, as unbroken runs: generation, partition, first, next.
with runs as (
    select
        generation, kafka_partition, kafka_offset,
        kafka_offset - dense_rank() over (
            partition by generation, kafka_partition order by kafka_offset
        ) as run
    from bronze.cdc_quarantine
    where kafka_topic = %(topic)s
)
select generation, kafka_partition, min(kafka_offset), max(kafka_offset) + 1
from runs
group by generation, kafka_partition, run
order by generation, kafka_partition, min(kafka_offset)
