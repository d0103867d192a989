-- Staging against the stored vectors, both read now: keys without a vector, with the vector of an
-- older text or another model, and vectors without a row. A row without text has no vector to miss.
with source as (
    select
        {columns},
        regexp_replace(
            btrim(concat_ws(E'\x1f', {texts}), E' \t\r\n\x1f'), '\s*\x1f[\s\x1f]*', '. ', 'g'
        ) as text
    from {staging} s
),
compared as (
    select
        {either},
        s.id_1 is null or s.text = '' as is_absent,
        {no_vector} as has_no_vector,
        e.content_hash is distinct from sha256(convert_to(%(rule)s || s.text, 'UTF8')) as is_stale,
        e.model is distinct from %(model)s as is_foreign
    from source s
    full join {table} e on {same}
),
judged as (
    select
        {places},
        case
            when is_absent and has_no_vector then 'empty'
            when is_absent then 'orphan'
            when has_no_vector then 'missing'
            when is_foreign then 'foreign'
            when is_stale then 'stale'
            else 'ok'
        end as state
    from compared
)
select state, count(*) as rows, (array_agg({in_text} order by {places}))[1:100] as sample
from judged
group by state
