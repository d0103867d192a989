-- One row of staging beside its vector: its text as embed makes it (sql/embeddings/work.sql).
-- No row where both lack the key.
with source as (
    select
        s.{id} as id,
        regexp_replace(
            btrim(concat_ws(E'\x1f', {texts}), E' \t\r\n\x1f'), '\s*\x1f[\s\x1f]*', '. ', 'g'
        ) as text
    from {staging} s
    where s.{id} = %(id)s
)
select
    s.id is not null as is_staged,
    s.text = '' as is_empty,
    e.{id} is not null as is_there,
    e.content_hash is distinct from sha256(convert_to(%(rule)s || s.text, 'UTF8')) as is_stale,
    e.model,
    e.embedded_at
from source s
full join (select * from {table} where {id} = %(id)s) e on e.{id} = s.id
