,
-- The newest rows that lack a value: an update does not carry what it did not touch and Postgres keeps
-- outside of the row, a word stands there instead.
partial as materialized (
    select newest.key, b.kafka_partition
    from newest
    join {bronze} b on b.id = newest.record_id
    where not newest.gone and not newest.closed and newest.op <> 'r'
        and bronze.cdc_is_partial(b.cdc_payload)
),
-- What the records of those keys have told since the key was last deleted, the later over the earlier.
-- Other partitions come before the newest record's own one: a key moves and does not come back.
history as (
    select
        e.*,
        row_number() over (
            partition by e.key
            order by e.generation_no, e.kafka_partition = partial.kafka_partition,
                case when e.kafka_partition = partial.kafka_partition then e.kafka_offset end,
                e.commit_lsn nulls first, e.change_lsn nulls first, e.lsn nulls first,
                e.kafka_timestamp, e.kafka_offset
        ) as place
    from partial
    join event e on e.key = partial.key
),
told as (
    select h.key, jsonb_object_agg(field.key, field.value order by h.place) as fields
    from (
        select
            history.*,
            max(place) filter (where op = 'd' or is_tombstone) over (partition by key) as gone_at
        from history
    ) h
    join {bronze} b on b.id = h.record_id
    cross join lateral (
        select case when jsonb_typeof(b.cdc_payload -> 'payload') = 'object'
            then b.cdc_payload -> 'payload' else b.cdc_payload end as event
        offset 0
    ) as unwrapped
    cross join lateral (
        select case when event ? 'op' and event ? 'source' then event -> 'after' else event end
            as row_data
        offset 0
    ) as opened
    cross join lateral jsonb_each(
        case when jsonb_typeof(row_data) = 'object' then row_data else '{}' end
    ) as field
    where h.place > coalesce(h.gone_at, 0) and not bronze.is_unavailable(field.value #>> '{}')
    group by h.key
),
-- Each key's newest row as the source wrote it, beside the row that staging shows.
pair as (
    select
        case
            when told.key is null then opened.row_data
            else opened.row_data || (
                select coalesce(jsonb_object_agg(lacking.key, told.fields -> lacking.key), '{}')
                from jsonb_each(opened.row_data) as lacking
                where bronze.is_unavailable(lacking.value #>> '{}') and told.fields ? lacking.key
            )
        end as bictl_row,
        b.schema_id as bictl_schema,
        coalesce(event -> 'source' ->> 'snapshot', event ->> '__source_snapshot')
            as bictl_snapshot,
        staged.*
    from newest
    join {bronze} b on b.id = newest.record_id
    cross join lateral (
        select case when jsonb_typeof(b.cdc_payload -> 'payload') = 'object'
            then b.cdc_payload -> 'payload' else b.cdc_payload end as event
        offset 0
    ) as unwrapped
    cross join lateral (
        select case when event ? 'op' and event ? 'source' then event -> 'after' else event end
            as row_data
        offset 0
    ) as opened
    left join told on told.key = newest.key
    {described}
    join staged on staged.bictl_key = ({shown})
    where not newest.gone and not newest.closed
)
