,
live as (
    select ({shown}) collate "C" as key, newest.op, newest.ingested_at, newest.source_ms
    from newest
    {described}
    where not newest.gone and not newest.closed
),
key_pair as (
    select
        live.key as expected_key,
        staged.bictl_key as staged_key,
        live.key is not null and staged.bictl_key is not null and (
            staged.cdc_operation is distinct from live.op
            or staged.ingested_at is distinct from live.ingested_at
            or staged.source_timestamp is distinct from to_timestamp(live.source_ms / 1000)
        ) as is_stale
    from live
    full join staged on staged.bictl_key = live.key
)
