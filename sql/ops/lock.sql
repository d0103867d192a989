-- A lock that lives as long as the transaction; false when another one holds it.
select pg_try_advisory_xact_lock(hashtextextended(%s, 0))
