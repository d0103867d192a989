-- The columns of the staging view with their types, and those of the table of vectors.
select
    a.attrelid = to_regclass(%(staging)s) as is_staging,
    a.attname::text as name,
    t.typname::text as type
from pg_attribute a
join pg_type t on t.oid = a.atttypid
where a.attrelid in (to_regclass(%(staging)s), to_regclass(%(table)s))
    and a.attnum > 0
    and not a.attisdropped
order by a.attnum
