-- The newest record of each key, folded from bronze by verify's own reading of DESIGN.md's order;
-- the staging model has another one. A query follows that reads from `newest`:
-- key, gone, closed, op, source_ms, snapshot, row_data, generation and place of the record.
with event as materialized (
    select
        coalesce(g.generation_no, -1) as generation_no,
        b.generation,
        b.kafka_partition,
        b.kafka_offset,
        b.kafka_timestamp,
        b.ingested_at,
        case
            when b.key_schema_id is not null or (b.kafka_key ? 'schema' and b.kafka_key ? 'payload')
                then b.kafka_key -> 'payload'
            else b.kafka_key
        end as key_data,
        case
            when b.schema_id is not null or (b.cdc_payload ? 'schema' and b.cdc_payload ? 'payload')
                then nullif(b.cdc_payload -> 'payload', 'null')
            else nullif(b.cdc_payload, 'null')
        end as value_data
    from {bronze} b
    left join bronze.cdc_generation g
        on g.kafka_topic = b.kafka_topic and g.generation = b.generation
    where b.kafka_topic = %(topic)s
),
-- Debezium's envelope, or the flat row that its unwrapping transform leaves.
unpacked as (
    select
        event.*,
        value_data is null as is_tombstone,
        case
            when is_envelope then value_data ->> 'op'
            when value_data ->> '__deleted' = 'true' then 'd'
            when value_data is not null then coalesce(value_data ->> '__op', 'u')
        end as op,
        case when is_envelope then value_data -> 'after' else value_data end as row_data,
        case when is_envelope then nullif(value_data -> 'before', 'null') end as before_data,
        case when is_envelope then value_data -> 'source' ->> 'snapshot' end as snapshot,
        case when jsonb_typeof(source_ms_data) = 'number' then source_ms_data::numeric end as source_ms,
        case
            when is_envelope then value_data -> 'source' ->> 'commit_lsn'
            else value_data ->> '__source_commit_lsn'
        end collate "C" as commit_lsn,
        case
            when is_envelope then value_data -> 'source' ->> 'change_lsn'
            else value_data ->> '__source_change_lsn'
        end collate "C" as change_lsn,
        case when jsonb_typeof(lsn_data) = 'number' then lsn_data::numeric end as lsn
    from event
    cross join lateral (
        select coalesce(value_data ? 'op' and value_data ? 'source', false) as is_envelope
    ) as shape
    cross join lateral (
        select
            case
                when is_envelope then value_data -> 'source' -> 'lsn'
                else value_data -> '__source_lsn'
            end as lsn_data,
            case
                when is_envelope then value_data -> 'source' -> 'ts_ms'
                else value_data -> '__source_ts_ms'
            end as source_ms_data
    ) as numbers
),
record as materialized (
    select
        unpacked.*,
        coalesce(key_data, nullif(row_data, 'null'), before_data) ->> %(key)s as key,
        is_tombstone or coalesce(op = 'd', false) as gone
    from unpacked
),
-- Inside one partition of one generation the offset decides.
last_of_partition as (
    select distinct on (generation, kafka_partition, key) *
    from record
    where key is not null
    order by generation, kafka_partition, key, kafka_offset desc
),
-- A tombstone has no position of its own: it stands where the record before it stands.
last_with_position as (
    select distinct on (generation, kafka_partition, key)
        generation, kafka_partition, key, commit_lsn, change_lsn, lsn
    from record
    where key is not null and not is_tombstone
    order by generation, kafka_partition, key, kafka_offset desc
),
-- Where compaction left nothing before it, it stands behind what other partitions held at its time.
candidate as (
    select
        l.*,
        p.key is null and count(*) over (partition by l.generation, l.key) > 1 as is_alone,
        p.commit_lsn as own_commit,
        p.change_lsn as own_change,
        p.lsn as own_lsn
    from last_of_partition l
    left join last_with_position p using (generation, kafka_partition, key)
),
positioned as (
    select
        c.*,
        coalesce(c.own_commit, before.commit_lsn) as at_commit,
        coalesce(c.own_change, before.change_lsn) as at_change,
        coalesce(c.own_lsn, before.lsn) as at_lsn
    from candidate c
    left join lateral (
        select r.commit_lsn, r.change_lsn, r.lsn
        from record r
        where c.is_alone and r.generation = c.generation and r.key = c.key
            and not r.is_tombstone and r.kafka_timestamp <= c.kafka_timestamp
        order by
            r.commit_lsn desc nulls last, r.change_lsn desc nulls last, r.lsn desc nulls last
        limit 1
    ) as before on true
),
-- Across partitions the source's position decides, across generations their order.
folded as (
    select distinct on (key) *
    from positioned
    order by
        key,
        generation_no desc,
        at_commit desc nulls last,
        at_change desc nulls last,
        at_lsn desc nulls last,
        kafka_timestamp desc,
        kafka_offset desc
),
-- The newest snapshot that has both its first and its last marker.
finished_snapshot as (
    select generation_no, commit_lsn, lsn
    from record
    where op = 'r'
    group by generation_no, commit_lsn, lsn
    having bool_or(snapshot in ('first', 'first_in_data_collection'))
        and bool_or(snapshot in ('last', 'last_in_data_collection'))
    order by generation_no desc, commit_lsn desc nulls last, lsn desc nulls last
    limit 1
),
newest as materialized (
    select
        folded.*,
        s.generation_no is not null and (
            folded.generation_no < s.generation_no
            or folded.generation_no = s.generation_no
            and (folded.at_commit < s.commit_lsn or folded.at_lsn < s.lsn)
        ) is true as closed
    from folded
    left join finished_snapshot s on true
)
