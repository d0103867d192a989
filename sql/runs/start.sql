-- Opens a row; its lock is taken first and lives as long as the connection.
with opened as (
    insert into bictl.run (run_id, command, arguments, version, host, pid, status)
    values (%s, %s, %s, %s, %s, %s, 'running')
    returning id
)
select id from opened where pg_try_advisory_lock(hashtextextended('bictl:run:' || id, 0))
