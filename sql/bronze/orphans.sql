-- Rows of a topic that none of the covered ranges ("generation partition first next") holds.
with covered as materialized (
    select
        split_part(text, ' ', 1) as generation,
        split_part(text, ' ', 2)::integer as partition,
        range_agg(int8range(split_part(text, ' ', 3)::bigint, split_part(text, ' ', 4)::bigint))
            as ranges
    from unnest(%(covered)s::text[]) as given (text)
    group by 1, 2
)
select b.generation, b.kafka_partition, count(*), min(b.kafka_offset), max(b.kafka_offset)
from {table} b
left join covered c on c.generation = b.generation and c.partition = b.kafka_partition
where b.kafka_topic = %(topic)s
    and not coalesce(b.kafka_offset <@ c.ranges, false)
group by 1, 2
order by 1, 2
