-- Whether rows cannot be moved out and in again unnoticed: foreign keys point to them, or triggers
-- and row security watch them.
select
    exists (select from pg_constraint where confrelid = c.oid)
    or exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal)
    or c.relrowsecurity or c.relhasrules or c.relkind <> 'r'
from pg_class c
where c.oid = to_regclass(%(table)s)
