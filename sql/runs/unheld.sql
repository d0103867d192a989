-- Of these rows the open ones whose lock nobody holds: their process is gone.
select r.id
from bictl.run r
where r.id = any (%s::bigint[])
    and r.status = 'running'
    and not exists (
        select
        from pg_locks l
        where l.locktype = 'advisory'
            and l.granted
            and l.objsubid = 1
            and l.database = (select oid from pg_database where datname = current_database())
            and (l.classid::bigint << 32 | l.objid::bigint)
                = hashtextextended('bictl:run:' || r.id, 0)
    )
