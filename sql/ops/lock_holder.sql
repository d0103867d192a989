-- The connection that holds the advisory lock of a name, and its start in seconds of the epoch
-- (null when it belongs to another role). A bigint key is shown as two halves.
select a.application_name, extract(epoch from a.backend_start)::double precision
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory'
    and l.granted
    and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(%s, 0)
