-- The newest record of each key, folded from bronze by verify's own reading of DESIGN.md's order;
-- the staging model has another one. `key` is one text that stands for the key's columns. A query
-- follows that reads from `newest`: key, gone, closed, op, source_ms, ingested_at, and record_id, the
-- row's id in bronze.
--
-- Rows are narrow here: the payload is looked into once and left where it is.
with event as materialized (
    select
        b.id as record_id,
        coalesce(g.generation_no, -1) as generation_no,
        b.generation,
        b.kafka_partition,
        b.kafka_offset,
        b.kafka_timestamp,
        b.ingested_at,
        value_data is null as is_tombstone,
        ({key}) collate "C" as key,
        op,
        snapshot,
        case when jsonb_typeof(ms) = 'number' then ms::numeric end as source_ms,
        (source ->> 'commit_lsn') collate "C" as commit_lsn,
        (source ->> 'change_lsn') collate "C" as change_lsn,
        case when jsonb_typeof(source -> 'lsn') = 'number'
            then (source ->> 'lsn')::numeric end as lsn,
        concat_ws('.', source ->> 'db', source ->> 'schema', source ->> 'table') as source_table
    from {bronze} b
    left join bronze.cdc_generation g
        on g.kafka_topic = b.kafka_topic and g.generation = b.generation
    -- schemas are interned, so what is left of a wrapped key or value is only a payload
    cross join lateral (
        select
            case
                when b.key_schema_id is not null
                    or (b.kafka_key ? 'schema' and b.kafka_key ? 'payload')
                    then b.kafka_key -> 'payload'
                else b.kafka_key
            end as key_data,
            case
                when b.schema_id is not null
                    or (b.cdc_payload ? 'schema' and b.cdc_payload ? 'payload')
                    then nullif(b.cdc_payload -> 'payload', 'null')
                when b.cdc_payload not in ('null', '{"payload": null}') then b.cdc_payload
            end as value_data
        offset 0
    ) as unwrapped
    -- Debezium's envelope, or the flat row that its unwrapping transform leaves
    cross join lateral (
        select coalesce(value_data ? 'op' and value_data ? 'source', false) as is_envelope
        offset 0
    ) as shape
    cross join lateral (
        select
            case when is_envelope then value_data -> 'source' end as block,
            case when is_envelope then value_data ->> 'op' end as envelope_op,
            case
                when key_data is not null then null
                when is_envelope then nullif(value_data -> 'after', 'null')
                else value_data
            end as row_data,
            case
                when key_data is null and is_envelope then nullif(value_data -> 'before', 'null')
            end as before_data
        offset 0
    ) as opened
    cross join lateral (
        select
            case
                when is_envelope then block
                when value_data is not null then jsonb_build_object(
                    'commit_lsn', value_data -> '__source_commit_lsn',
                    'change_lsn', value_data -> '__source_change_lsn',
                    'lsn', value_data -> '__source_lsn',
                    'ts_ms', value_data -> '__source_ts_ms',
                    'snapshot', value_data -> '__source_snapshot',
                    'db', value_data -> '__source_db',
                    'schema', value_data -> '__source_schema',
                    'table', value_data -> '__source_table'
                )
            end as source,
            case
                when is_envelope then envelope_op
                when value_data ->> '__deleted' = 'true' then 'd'
                when value_data is not null then coalesce(value_data ->> '__op', 'u')
            end as op
        offset 0
    ) as placed
    cross join lateral (
        select source -> 'ts_ms' as ms, source ->> 'snapshot' as snapshot
        offset 0
    ) as told
    where b.kafka_topic = %(topic)s
),
-- Inside one partition of one generation the offset decides.
last_of_partition as (
    select distinct on (key, generation_no, generation, kafka_partition) *
    from event
    where key is not null
    order by key, generation_no desc, generation, kafka_partition, kafka_offset desc
),
counted as (
    select
        last_of_partition.*,
        count(*) over (partition by key, generation_no, generation) as partitions
    from last_of_partition
),
-- A tombstone has no position of its own: it stands where the record before it stands. Where
-- compaction left nothing before it, it stands behind what other partitions held at its time.
positioned as (
    select
        c.*,
        coalesce(c.commit_lsn, before.commit_lsn) as at_commit,
        coalesce(c.change_lsn, before.change_lsn) as at_change,
        coalesce(c.lsn, before.lsn) as at_lsn
    from counted c
    left join lateral (
        select r.commit_lsn, r.change_lsn, r.lsn
        from event r
        where c.is_tombstone and c.partitions > 1
            and r.generation = c.generation and r.key = c.key and not r.is_tombstone
            and case when r.kafka_partition = c.kafka_partition
                then r.kafka_offset < c.kafka_offset
                else r.kafka_timestamp <= c.kafka_timestamp end
        order by
            r.kafka_partition = c.kafka_partition desc,
            case when r.kafka_partition = c.kafka_partition then r.kafka_offset end
                desc nulls last,
            r.commit_lsn desc nulls last,
            r.change_lsn desc nulls last,
            r.lsn desc nulls last
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
-- Snapshots that came to their end: what one of them read has one position.
snapshot_end as (
    select
        e.*,
        snapshot like 'first%%' as begins,
        coalesce(commit_lsn, lsn::text, '') as position
    from event e
    where snapshot in ('first', 'first_in_data_collection', 'last', 'last_in_data_collection')
),
{unloaded},
finished_snapshot as (
    select ended.*, began.kafka_partition as from_partition, began.kafka_offset as from_offset,
        began.kafka_timestamp as from_timestamp
    from snapshot_end ended
    cross join lateral (
        select kafka_partition, kafka_offset, kafka_timestamp
        from snapshot_end f
        where f.begins
            and (f.generation, f.source_table, f.position)
                = (ended.generation, ended.source_table, ended.position)
            and (f.kafka_timestamp <= ended.kafka_timestamp
                and f.kafka_partition <> ended.kafka_partition
                or f.kafka_offset < ended.kafka_offset
                and f.kafka_partition = ended.kafka_partition)
        union all
        -- the only row of its table is not marked as the first
        select ended.kafka_partition, ended.kafka_offset, ended.kafka_timestamp
        where (select count(distinct o.kafka_partition) from event o
                where o.generation = ended.generation) = 1
            and (ended.kafka_offset = 0 or exists (
                select from event o
                where o.generation = ended.generation
                    and o.kafka_offset = ended.kafka_offset - 1
                    and (coalesce(o.snapshot, 'false') = 'false'
                        or coalesce(o.commit_lsn, o.lsn::text, '') <> ended.position)))
        order by kafka_timestamp desc, kafka_offset desc
        limit 1
    ) as began
    where not ended.begins
        -- a record of it that is in quarantine may be of any key
        and not exists (
            select from bronze.cdc_quarantine q
            where (q.kafka_topic, q.generation) = (%(topic)s, ended.generation)
                and case when q.kafka_partition = began.kafka_partition
                    then q.kafka_offset > began.kafka_offset
                    else q.kafka_timestamp >= began.kafka_timestamp end
                and case when q.kafka_partition = ended.kafka_partition
                    then q.kafka_offset < ended.kafka_offset
                    else q.kafka_timestamp <= ended.kafka_timestamp end)
        -- nor may it have a record that is not loaded
        and not exists (
            select from unloaded u
            where u.generation = ended.generation
                and case when u.kafka_partition = began.kafka_partition
                    then upper(hole) > began.kafka_offset
                    else coalesce(until, 'infinity') >= began.kafka_timestamp end
                and case when u.kafka_partition = ended.kafka_partition
                    then lower(hole) < ended.kafka_offset
                    else coalesce(since, '-infinity') <= ended.kafka_timestamp end)
),
-- Of each source table the newest one counts.
newest_snapshot as materialized (
    select distinct on (source_table) *
    from finished_snapshot
    order by source_table, generation_no desc, kafka_timestamp desc, kafka_offset desc
),
newest as materialized (
    select
        folded.key,
        folded.record_id,
        folded.op,
        folded.source_ms,
        folded.ingested_at,
        folded.is_tombstone or coalesce(folded.op = 'd', false) as gone,
        exists (
            select from newest_snapshot s
            where (s.source_table in ('', folded.source_table) or folded.source_table = '')
                and (folded.generation_no < s.generation_no
                    or folded.generation_no = s.generation_no
                    and case when folded.kafka_partition = s.from_partition
                        then folded.kafka_offset < s.from_offset
                        else folded.kafka_timestamp < s.from_timestamp
                            -- whatever a partition's clock says, this snapshot has read it
                            and not (coalesce(folded.snapshot, 'false') <> 'false'
                                and s.position <> '' and folded.generation = s.generation
                                and s.position = coalesce(
                                    folded.commit_lsn, folded.lsn::text, '')) end)
        ) as closed
    from folded
)
