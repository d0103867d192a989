-- The columns of a table or view, each with its type; no row where the relation does not exist.
select a.attname::text, format_type(a.atttypid, null)
from pg_attribute a
where a.attrelid = to_regclass(%(table)s) and a.attnum > 0 and not a.attisdropped
order by a.attnum
