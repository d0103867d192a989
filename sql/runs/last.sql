-- For each stage and table the last run that succeeded, the last run at all, and how many came to
-- nothing since. A run of several tables says in its result how each of them ended. Where nothing
-- ever ran, nothing more is looked for.
select
    s.stage, t.name as table,
    ok.run_id::text as run_id, ok.started_at, ok.finished_at, ok.result,
    newest.id as newest_id, newest.run_id::text as newest_run, newest.started_at as newest_at,
    newest.state as newest_state, newest.error as newest_error, newest.result as newest_result,
    case when newest.id is null or newest.id = ok.id then 0 else (
        select count(*)
        from bictl.run r
        where r.command = s.stage
            and r.id > coalesce(ok.id, 0)
            and r.status <> 'running'
            and coalesce(r.arguments -> 'tables', jsonb_build_array(r.arguments -> 'table')) ? t.name
    ) end as failed_since
from unnest(%(stages)s::text[]) with ordinality s (stage, place)
cross join unnest(%(tables)s::text[]) with ordinality t (name, place)
left join lateral (
    select r.*, coalesce(r.result -> 'tables' ->> t.name, r.status) as state
    from bictl.run r
    where r.command = s.stage
        and coalesce(r.arguments -> 'tables', jsonb_build_array(r.arguments -> 'table')) ? t.name
    order by r.id desc
    limit 1
) newest on true
left join lateral (
    select r.*
    from bictl.run r
    where newest.id is not null
        and r.command = s.stage
        and coalesce(r.arguments -> 'tables', jsonb_build_array(r.arguments -> 'table')) ? t.name
        and coalesce(r.result -> 'tables' ->> t.name, r.status) in ('ok', 'warn')
        and (r.exit_code in (0, 3) or r.result -> 'tables' ->> t.name is not null)
    order by r.id desc
    limit 1
) ok on true
where newest.id is not null or s.stage = any (%(always)s::text[])
order by t.place, s.place
