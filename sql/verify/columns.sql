-- The columns of a table or view, each with its type, and with that type's size; no row where the
-- relation does not exist.
select a.attname::text, format_type(a.atttypid, null), format_type(a.atttypid, a.atttypmod)
from pg_attribute a
where a.attrelid = to_regclass(%(table)s) and a.attnum > 0 and not a.attisdropped
order by a.attnum
