-- How many rows the planner believes the table to hold; -1 when it has never looked.
select c.reltuples::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s
