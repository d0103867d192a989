-- Rows of a topic that none of the covered ranges ("generation partition first next") holds, as one
-- row for each gap between those ranges: generation, partition, rows, lowest and highest offset.
with covered as materialized (
    select
        split_part(text, ' ', 1) as generation,
        split_part(text, ' ', 2)::integer as partition,
        range_agg(int8range(split_part(text, ' ', 3)::bigint, split_part(text, ' ', 4)::bigint))
            as ranges
    from unnest(%(covered)s::text[]) as given (text)
    group by 1, 2
),
uncovered as (
    select b.generation, b.kafka_partition, b.kafka_offset, c.ranges
    from {table} b
    left join covered c on c.generation = b.generation and c.partition = b.kafka_partition
    where b.kafka_topic = %(topic)s
        and not coalesce(b.kafka_offset <@ c.ranges, false)
)
select generation, kafka_partition, count(*), min(kafka_offset), max(kafka_offset)
from (
    select
        uncovered.*,
        (select count(*) from unnest(ranges) as run where lower(run) <= kafka_offset) as gap
    from uncovered
) as placed
group by generation, kafka_partition, gap
order by generation, kafka_partition, gap
