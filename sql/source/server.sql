-- Which Postgres this is, and whether its log tells what changes.
select
    current_setting('server_version'),
    current_database()::text,
    current_setting('wal_level'),
    pg_is_in_recovery()
