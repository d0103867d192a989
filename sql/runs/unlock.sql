-- Frees the lock of a row that is closed.
select pg_advisory_unlock(hashtextextended('bictl:run:' || %s::bigint, 0))
