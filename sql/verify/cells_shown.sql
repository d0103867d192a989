select
    bictl_key,
    bictl_schema,
    array(
        select (bictl_row -> listed.field)::text
        from unnest(%(fields)s::text[]) with ordinality as listed (field, place)
        order by listed.place
    ),
    array(
        select shown.cells ->> listed.name
        from unnest(%(columns)s::text[]) with ordinality as listed (name, place)
        order by listed.place
    ),
    bictl_snapshot <> 'false' and shown.cells ->> 'is_snapshot' = 'false'
        or bictl_snapshot = 'false' and shown.cells ->> 'is_snapshot' = 'true'
from pair
cross join lateral (select to_jsonb(pair) - 'bictl_row' as cells offset 0) as shown
