-- The types of the table's columns, by name.
select a.attname::text, format_type(a.atttypid, null)
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) = (%(schema)s, %(table)s) and a.attnum > 0 and not a.attisdropped
