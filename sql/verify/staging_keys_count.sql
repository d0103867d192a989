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
    (select count(bictl_key) from staged) as ids,
    (select count(distinct bictl_key) from staged) as distinct_ids,
    (select count(cdc_operation) from staged) as operations
from key_pair
