,
live as (
    select ({shown}) collate "C" as key, newest.op, newest.ingested_at, newest.source_ms
    from newest
    {described}
    where not newest.gone and not newest.closed
),
staged as materialized (
    select
        ({id}) collate "C" as key,
        cdc_operation as op,
        ingested_at,
        source_timestamp
    from {staging}
),
pair as (
    select
        live.key as expected_key,
        staged.key as staged_key,
        live.key is not null and staged.key is not null and (
            staged.op is distinct from live.op
            or staged.ingested_at is distinct from live.ingested_at
            or staged.source_timestamp is distinct from to_timestamp(live.source_ms / 1000)
        ) as is_stale
    from live
    full join staged on staged.key = live.key
)
select
    (select count(*) from newest) as folded,
    (select count(*) from newest where closed and not gone) as closed,
    (select count(*) from event where key is null) as keyless,
    count(distinct expected_key) as expected,
    count(distinct expected_key) filter (where staged_key is not null) as common,
    count(*) filter (where staged_key is null and expected_key is not null) as missing,
    count(*) filter (where staged_key is not null and expected_key is null) as extra,
    count(*) filter (where is_stale) as stale,
    (array_agg(expected_key) filter (where staged_key is null))[1:100] as missing_keys,
    (array_agg(staged_key) filter (where expected_key is null))[1:100] as extra_keys,
    (array_agg(expected_key) filter (where is_stale))[1:100] as stale_keys,
    (select count(*) from staged) as rows,
    (select count(key) from staged) as ids,
    (select count(distinct key) from staged) as distinct_ids,
    (select count(op) from staged) as operations
from pair
