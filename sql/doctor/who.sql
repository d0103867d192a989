-- This role and database; which of the named schemas are there; where the server keeps its data,
-- if the role may know.
select
    current_user::text,
    current_database()::text,
    (select array_agg(nspname::text) from pg_namespace where nspname = any(%s::text[])),
    case
        when pg_has_role('pg_read_all_settings', 'usage') then current_setting('data_directory')
    end
