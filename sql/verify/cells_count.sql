,
    count(*) filter (
        where {column} is null
            and jsonb_typeof(bictl_row -> (%(fields)s::text[])[{number}]) <> 'null'
    ),
    count(*) filter (
        where (%(exact)s::boolean[])[{number}]
            and {column}::text <> bictl_row ->> (%(fields)s::text[])[{number}]
            or {column} is not null
            and jsonb_typeof(bictl_row -> (%(fields)s::text[])[{number}]) = 'null'
    )
