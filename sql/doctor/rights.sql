-- Whether this role may make schemas, and which of the named schemas that exist are closed to it.
select
    current_user::text,
    current_database()::text,
    has_database_privilege(current_database(), 'create'),
    (
        select array_agg(nspname::text order by nspname)
        from pg_namespace
        where nspname = any(%s::text[]) and not has_schema_privilege(nspname, 'create')
    )
