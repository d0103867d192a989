-- Whether a unique index on `id` alone is there.
select exists (
    select from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'id'
    where i.indrelid = to_regclass(%(table)s) and i.indisunique
        and i.indkey::text = a.attnum::text
)
