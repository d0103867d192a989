-- How many records are in quarantine, by generation and reason; the oldest ones' reason first.
select
    q.generation,
    q.sqlstate,
    q.reason,
    count(*) as records,
    sum(coalesce(octet_length(q.raw_key), 0) + coalesce(octet_length(q.raw_value), 0))::bigint
        as bytes,
    min(q.quarantined_at) as oldest,
    max(q.quarantined_at) as newest
from bronze.cdc_quarantine q
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
group by q.generation, q.sqlstate, q.reason
order by oldest, q.generation, q.sqlstate, q.reason
