-- What no loaded object holds although later ones are loaded: one list of ranges a partition, with
-- the times of what stands on either side of each.
unloaded as (
    select
        generation,
        kafka_partition,
        hole,
        (select max(l.max_timestamp) from bictl.object_ledger l
            where (l.kafka_topic, l.generation, l.kafka_partition)
                = (%(topic)s, covered.generation, covered.kafka_partition)
                and l.next_offset <= lower(hole)) as since,
        (select min(l.min_timestamp) from bictl.object_ledger l
            where (l.kafka_topic, l.generation, l.kafka_partition)
                = (%(topic)s, covered.generation, covered.kafka_partition)
                and l.first_offset >= upper(hole)) as until
    from (
        select generation, kafka_partition, range_agg(int8range(first_offset, next_offset)) as held
        from bictl.object_ledger
        where kafka_topic = %(topic)s
        group by generation, kafka_partition
    ) as covered
    cross join lateral unnest(int8multirange(int8range(0, upper(range_merge(held)))) - held) as hole
)
