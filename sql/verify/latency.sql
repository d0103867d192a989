-- Seconds from one layer to the next, of the records that Kafka got since `since`: name of the hop,
-- how many took it, the median, what 95 of 100 stay below, the longest. Snapshot rows are left out
-- of what begins at the source: they are as old as their rows.
-- {bronze}: the table; {key}, {described}: the key of a row `b` as the vectors have it; {vectors}: a
-- query of their keys and times.
with recent as materialized (
    select
        b.kafka_timestamp,
        b.ingested_at,
        l.sealed_at,
        case
            when jsonb_typeof(told.ms) = 'number'
                and coalesce(told.snapshot, 'false') = 'false'
                and told.ms::numeric between 0 and 253402300799999
            then to_timestamp(told.ms::numeric / 1000.0)
        end as changed_at,
        coalesce(
            coalesce(b.kafka_key -> 'payload', b.kafka_key),
            nullif(data -> 'after', 'null'),
            nullif(data -> 'before', 'null'),
            data
        ) as held,
        b.kafka_offset,
        b.kafka_key,
        b.cdc_payload,
        b.key_schema_id,
        b.schema_id
    from {bronze} b
    left join (
        select object_key, min(sealed_at) as sealed_at
        from bictl.object_ledger
        where kafka_topic = %(topic)s and loaded_at >= %(since)s
        group by object_key
    ) l on l.object_key = b.batch_file
    cross join lateral (
        select case
            when jsonb_typeof(b.cdc_payload -> 'payload') = 'object' then b.cdc_payload -> 'payload'
            else b.cdc_payload
        end as data
        offset 0
    ) as unwrapped
    cross join lateral (
        select
            coalesce(data -> 'source' -> 'ts_ms', data -> '__source_ts_ms') as ms,
            coalesce(data -> 'source' ->> 'snapshot', data ->> '__source_snapshot') as snapshot
        offset 0
    ) as told
    where b.kafka_topic = %(topic)s
        and b.ingested_at >= %(since)s
        and b.kafka_timestamp >= %(since)s
),
hop (place, name, seconds) as (
    select 1, 'source → Kafka', extract(epoch from kafka_timestamp - changed_at)
    from recent where changed_at is not null
    union all
    select 2, 'Kafka → objects', extract(epoch from sealed_at - kafka_timestamp)
    from recent where sealed_at is not null
    union all
    select 3, 'objects → bronze', extract(epoch from ingested_at - sealed_at)
    from recent where sealed_at is not null
    union all
    select 4, 'bronze → vectors', extract(epoch from v.embedded_at - n.ingested_at)
    from (
        select distinct on (key) key, ingested_at
        from (
            select ({key}) collate "C" as key, b.ingested_at, b.kafka_offset
            from recent b
            {described}
        ) as keyed
        where key is not null
        order by key, ingested_at desc, kafka_offset desc
    ) n
    join ({vectors}) v on v.key = n.key
    -- what was embedded before the record came has a text that it did not change
    where v.embedded_at >= n.ingested_at
    union all
    select 5, 'source → bronze',
        extract(epoch from ingested_at - coalesce(changed_at, kafka_timestamp))
    from recent
)
select
    name,
    count(*) as records,
    percentile_cont(0.5) within group (order by greatest(seconds, 0)) as p50,
    percentile_cont(0.95) within group (order by greatest(seconds, 0)) as p95,
    max(greatest(seconds, 0)) as longest
from hop
group by place, name
order by place
