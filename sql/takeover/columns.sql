-- The columns of a table: name, type, type with its limits, whether a view or a rule
-- reads it, and whether it is computed.
select
    a.attname::text,
    format_type(a.atttypid, null),
    format_type(a.atttypid, a.atttypmod),
    exists (
        select from pg_depend d
        where d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid
            and d.refobjsubid = a.attnum and d.classid = 'pg_rewrite'::regclass
    ),
    a.attgenerated <> ''
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
