,
-- Each key's newest row as the source wrote it, beside the row that staging shows.
pair as (
    select newest.key as bictl_key, opened.row_data as bictl_row, staged.*
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
    join {staging} as staged on {id} = newest.key
    where not newest.gone and not newest.closed
)
