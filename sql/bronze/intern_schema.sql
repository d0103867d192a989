-- One inline schema, interned. `fields` describes the row's columns: those of `after` where the
-- schema is an envelope's, its own where the row is flat. Absent attributes are left out.
insert into bronze.cdc_schema (sha256, schema, fields)
select %(sha256)s, given.schema, coalesce(described.fields, '{}')
from (select %(schema)s::jsonb as schema) given
cross join lateral (
    select jsonb_object_agg(
        columns.field ->> 'field',
        jsonb_strip_nulls(jsonb_build_object(
            'type', columns.field -> 'type',
            'name', columns.field -> 'name',
            'scale', case
                when columns.field #>> '{parameters,scale}' ~ '^-?[0-9]{1,5}$'
                    then (columns.field #>> '{parameters,scale}')::integer
            end,
            'optional', columns.field -> 'optional',
            'default', columns.field -> 'default'
        ))
    ) as fields
    from jsonb_path_query(
        case
            when given.schema @@ '$.fields[*].field == "op"'
                and given.schema @@ '$.fields[*].field == "source"'
                then jsonb_path_query_first(given.schema, '$.fields[*] ? (@.field == "after")')
            else given.schema
        end,
        '$.fields[*]'
    ) as columns (field)
    where columns.field ? 'field'
) described
on conflict (sha256) do nothing
