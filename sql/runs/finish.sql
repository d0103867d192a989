-- Closes a row. Its lock is freed by the next statement: whoever finds a lock free, and then looks at
-- the row again, finds it closed.
update bictl.run
set status = %s, exit_code = %s, error = %s, result = %s,
    finished_at = now(), heartbeat_at = now()
where id = %s and status = 'running'
