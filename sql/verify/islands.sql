-- Which offsets bronze and the quarantine hold together, as unbroken runs: generation, partition,
-- first, next, rows (more than next - first where an offset stands twice).
with both_sides as (
    select generation, kafka_partition, kafka_offset
    from {bronze}
    where kafka_topic = %(topic)s
    union all
    select generation, kafka_partition, kafka_offset
    from bronze.cdc_quarantine
    where kafka_topic = %(topic)s
),
runs as (
    select
        both_sides.*,
        -- copies of an offset have one rank, so that they need not be counted before
        kafka_offset - dense_rank() over (
            partition by generation, kafka_partition order by kafka_offset
        ) as run
    from both_sides
)
select generation, kafka_partition, min(kafka_offset), max(kafka_offset) + 1, count(*)
from runs
group by generation, kafka_partition, run
order by generation, kafka_partition, min(kafka_offset)
