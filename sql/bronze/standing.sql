-- Where the records at the copied rejects' offsets stand, where they are not in quarantine by this
-- very insert: offset, object, and whether the quarantine holds these very bytes.
select r.kafka_offset::bigint, there.batch_file, there.same
from pg_temp.bictl_reject r
cross join lateral (
    (
        select b.batch_file, false as same
        from {table} b
        where b.kafka_topic = %(topic)s and b.generation = %(generation)s
            and b.kafka_partition = %(partition)s and b.kafka_offset = r.kafka_offset::bigint
        limit 1
    )
    union all
    (
        select
            q.batch_file,
            q.raw_key is not distinct from r.raw_key and q.raw_value is not distinct from r.raw_value
        from bronze.cdc_quarantine q
        where q.kafka_topic = %(topic)s and q.generation = %(generation)s
            and q.kafka_partition = %(partition)s and q.kafka_offset = r.kafka_offset::bigint
        limit 1
    )
) as there
where r.kafka_offset::bigint <> all(%(inserted)s::bigint[])
