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
counted as (
    select generation, kafka_partition, kafka_offset, count(*) as copies
    from both_sides
    group by generation, kafka_partition, kafka_offset
),
runs as (
    select
        counted.*,
        kafka_offset - row_number() over (
            partition by generation, kafka_partition order by kafka_offset
        ) as run
    from counted
)
select generation, kafka_partition, min(kafka_offset), max(kafka_offset) + 1, sum(copies)::bigint
from runs
group by generation, kafka_partition, run
order by generation, kafka_partition, min(kafka_offset)
