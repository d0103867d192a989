-- The newest verdict on a table, and the newest that was not a quick look nor only some checks.
with verdict as (
    select
        id, run_id::text as run_id, started_at, status, error,
        result ->> 'level' as level,
        result ->> 'state' as state,
        result ->> 'headline' as headline,
        jsonb_array_length(coalesce(arguments -> 'select', '[]'))
            + jsonb_array_length(coalesce(arguments -> 'exclude', '[]')) > 0 as partial
    from bictl.run
    where command = 'verify'
        and coalesce(arguments -> 'tables', jsonb_build_array(arguments -> 'table')) ? %(table)s
        and status <> 'running'
        and result is not null
)
(select * from verdict order by id desc limit 1)
union all
(select * from verdict where level <> 'quick' and not partial order by id desc limit 1)
