-- The row of a stage that had ended before the ledger was made.
insert into bictl.run (
    run_id, command, arguments, version, host, pid,
    status, started_at, finished_at, heartbeat_at, exit_code, error, result
)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
