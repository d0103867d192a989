-- The table's columns in their order, with each one's place in the primary key.
select
    c.name,
    coalesce(type_name(c.system_type_id), type_name(c.user_type_id)) as base,
    c.max_length,
    c.[precision],
    c.scale,
    c.is_nullable,
    object_definition(c.default_object_id) as default_text,
    c.is_computed,
    k.key_ordinal
from sys.columns c
left join (
    select ic.object_id, ic.column_id, ic.key_ordinal
    from sys.index_columns ic
    join sys.indexes i on i.object_id = ic.object_id and i.index_id = ic.index_id
    where i.is_primary_key = 1
) k on k.object_id = c.object_id and k.column_id = c.column_id
where c.object_id = object_id(quotename(@schema) + N'.' + quotename(@table), N'U')
order by c.column_id;
