-- Closes the rows whose lock nobody holds any more: their process is gone.
with open_rows as materialized (
    select id from bictl.run where status = 'running'
)
update bictl.run r
set status = 'killed', finished_at = now(), error = format('found dead by run %%s', %s::text)
from open_rows o
where r.id = o.id
    and r.status = 'running'
    and pg_try_advisory_xact_lock(hashtextextended('bictl:run:' || r.id, 0))
returning r.command, r.pid, r.host
