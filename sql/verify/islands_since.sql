-- The same for the offsets of one partition from %(first)s on: what a quick look compares.
with both_sides as (
    select kafka_offset
    from {bronze}
    where kafka_topic = %(topic)s and generation = %(generation)s
        and kafka_partition = %(partition)s and kafka_offset >= %(first)s
    union all
    select kafka_offset
    from bronze.cdc_quarantine
    where kafka_topic = %(topic)s and generation = %(generation)s
        and kafka_partition = %(partition)s and kafka_offset >= %(first)s
),
counted as (
    select kafka_offset, count(*) as copies
    from both_sides
    group by kafka_offset
),
runs as (
    select counted.*, kafka_offset - row_number() over (order by kafka_offset) as run
    from counted
)
select
    %(generation)s::text, %(partition)s::integer,
    min(kafka_offset), max(kafka_offset) + 1, sum(copies)::bigint
from runs
group by run
order by min(kafka_offset)
