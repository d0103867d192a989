-- The length of the stored vectors (null without such a table), and the columns that it lacks.
select
    (
        select a.atttypmod
        from pg_attribute a
        where a.attrelid = to_regclass(%(table)s) and a.attname = 'embedding'
            and not a.attisdropped
    ) as dimension,
    array(
        select wanted.name
        from unnest(%(columns)s) as wanted (name)
        where not exists (
            select from pg_attribute a
            where a.attrelid = to_regclass(%(table)s) and a.attname = wanted.name
                and not a.attisdropped
        )
    ) as missing
