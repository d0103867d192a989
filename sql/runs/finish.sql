-- Closes a row and frees its lock.
with closed as (
    update bictl.run
    set status = %s, exit_code = %s, error = %s, result = %s,
        finished_at = now(), heartbeat_at = now()
    where id = %s and status = 'running'
    returning id
)
select pg_advisory_unlock(hashtextextended('bictl:run:' || id, 0)) from closed
