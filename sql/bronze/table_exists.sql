-- By the statement's snapshot: to_regclass answers from a cache that may be older than a lock.
select exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relname = %s
)
