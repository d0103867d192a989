,
pair as (
    select newest.key, newest.row_data, to_jsonb(staged) as cells
    from newest
    join {staging} as staged on staged.{id}::text = newest.key
    where not newest.gone and not newest.closed and jsonb_typeof(newest.row_data) = 'object'
),
judged as (
    select
        pair.key,
        mapped.field,
        pair.cells -> mapped.name = 'null' as is_lost
    from pair
    cross join unnest(%(fields)s::text[], %(names)s::text[], %(exact)s::boolean[])
        as mapped (field, name, exact)
    where jsonb_typeof(pair.row_data -> mapped.field) <> 'null'
        and (
            pair.cells -> mapped.name = 'null'
            or mapped.exact and pair.cells ->> mapped.name <> pair.row_data ->> mapped.field
        )
)
select
    field, is_lost, count(*), (array_agg(key))[1:100], (select count(*) from pair)
from judged
group by field, is_lost
union all
select null, null, 0, null, (select count(*) from pair)
order by 1, 2
