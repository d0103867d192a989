-- Rows of the ledger, the newest first. An open row whose lock nobody holds is of a run that was
-- killed; the view of the locks needs no right, and nothing is written.
with held as materialized (
    select classid::bigint << 32 | objid::bigint as key
    from pg_locks
    where locktype = 'advisory'
        and granted
        and objsubid = 1
        and database = (select oid from pg_database where datname = current_database())
),
named as (
    select
        r.*,
        coalesce(r.arguments -> 'tables', jsonb_build_array(r.arguments -> 'table')) as tables,
        case
            when r.status <> 'running' then r.status
            when hashtextextended('bictl:run:' || r.id, 0) in (select key from held) then 'running'
            else 'killed'
        end as state
    from bictl.run r
    where (%(stage)s::text is null or r.command = %(stage)s)
        and (%(since)s::timestamptz is null or r.started_at >= %(since)s)
        and (%(low)s::uuid is null or r.run_id between %(low)s and %(high)s)
)
select
    id, run_id::text as run_id, command as stage, tables, arguments, version, host, pid,
    started_at, finished_at, state, status, exit_code, error, result
from named
where (%(table)s::text is null or tables ? %(table)s)
    and (%(state)s::text is null or state = %(state)s)
order by id desc
limit %(limit)s
