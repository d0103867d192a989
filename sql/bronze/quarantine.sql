-- The copied rejects into quarantine; the offsets of those that were not there already, nor in
-- bronze. A scalar subquery, so that bronze is asked by its index whatever the planner believes of
-- a temporary table.
insert into bronze.cdc_quarantine (
    kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
    raw_key, raw_value, sqlstate, reason, batch_file
)
select
    %(topic)s, %(generation)s, %(partition)s, r.kafka_offset::bigint, r.instant::timestamptz,
    r.raw_key, r.raw_value, r.sqlstate, r.reason, %(file)s
from pg_temp.bictl_reject r
where (
    select b.kafka_offset
    from {table} b
    where b.kafka_topic = %(topic)s and b.generation = %(generation)s
        and b.kafka_partition = %(partition)s and b.kafka_offset = r.kafka_offset::bigint
) is null
on conflict (kafka_topic, generation, kafka_partition, kafka_offset) do nothing
returning kafka_offset
