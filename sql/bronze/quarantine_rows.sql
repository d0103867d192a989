-- Records in quarantine without their bytes, in the order of their places. A time beyond the
-- calendar is null.
select
    q.generation,
    q.kafka_partition as partition,
    q.kafka_offset as "offset",
    case when isfinite(q.kafka_timestamp) then q.kafka_timestamp end as timestamp,
    q.sqlstate,
    q.reason,
    octet_length(q.raw_key) as key_bytes,
    octet_length(q.raw_value) as value_bytes,
    q.quarantined_at,
    q.batch_file as object
from bronze.cdc_quarantine q
left join bronze.cdc_generation g
    on g.kafka_topic = q.kafka_topic and g.generation = q.generation
where q.kafka_topic = %(topic)s
    and (%(generation)s::text is null or q.generation = %(generation)s)
    and (%(sqlstate)s::text is null or q.sqlstate = %(sqlstate)s)
    and (%(anywhere)s or exists (
        select
        from unnest(%(partitions)s::integer[], %(firsts)s::bigint[], %(nexts)s::bigint[])
            as wanted (partition, first, next)
        where q.kafka_partition = wanted.partition
            and q.kafka_offset >= wanted.first and q.kafka_offset < wanted.next
    ))
order by coalesce(g.generation_no, -1), q.generation, q.kafka_partition, q.kafka_offset
limit %(limit)s
