-- Which of the wanted rights this role does not have: stage, what kind of object, its name, right.
-- `tables` are all of a schema. An object that is not there yet takes the right to create it, which
-- is asked for by itself. The catalogue is read by name: to_regclass needs a right of its own.
with relations as (
    select format('%%s.%%s', nspname, relname) as name, nspname, relkind, pg_class.oid
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
)

select wanted.stage, wanted.kind, wanted.name, wanted.privilege
from unnest(%(stages)s::text[], %(kinds)s::text[], %(names)s::text[], %(privileges)s::text[])
    with ordinality as wanted (stage, kind, name, privilege, place)
cross join lateral (
    select case wanted.kind
        when 'database' then has_database_privilege(current_database(), wanted.privilege)
        when 'schema' then (
            select has_schema_privilege(oid, wanted.privilege)
            from pg_namespace
            where nspname = wanted.name
        )
        when 'tables' then (
            select bool_and(has_table_privilege(oid, wanted.privilege))
            from relations
            where nspname = wanted.name and relkind = 'r'
        )
        else (
            select has_table_privilege(oid, wanted.privilege)
            from relations
            where name = wanted.name
        )
    end
) as found (allowed)
where not found.allowed
order by wanted.place
