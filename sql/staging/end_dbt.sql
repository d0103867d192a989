-- Ends the connections of a dbt that was killed: what it had asked for would run on to its end.
select pg_terminate_backend(pid)
from pg_stat_activity
where application_name = %s
    and datname = current_database()
    and usename = current_user
