-- Takes the rows of a topic that stand more than once out of the covered ranges
-- ("generation partition first next"): their objects are loaded anew in the same transaction.
with covered as materialized (
    select
        split_part(text, ' ', 1) as generation,
        split_part(text, ' ', 2)::integer as partition,
        range_agg(int8range(split_part(text, ' ', 3)::bigint, split_part(text, ' ', 4)::bigint))
            as ranges
    from unnest(%(covered)s::text[]) as given (text)
    group by 1, 2
),
doubled as (
    select b.generation, b.kafka_partition, b.kafka_offset
    from {table} b
    join covered c on c.generation = b.generation and c.partition = b.kafka_partition
    where b.kafka_topic = %(topic)s and b.kafka_offset <@ c.ranges
    group by b.generation, b.kafka_partition, b.kafka_offset
    having count(*) > 1
),
taken as (
    delete from {table} b
    using doubled d
    where b.kafka_topic = %(topic)s
        and (b.generation, b.kafka_partition, b.kafka_offset)
            = (d.generation, d.kafka_partition, d.kafka_offset)
)
select generation, kafka_partition, kafka_offset from doubled
