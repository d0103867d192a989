-- What there is to embed: every row of staging once, with its text where the text is not the one
-- behind the stored vector, where that one is not the vector that was made for it, or where it cannot
-- be found: NULL, zero, not of length 1. One read of the view, so that one snapshot decides about changed and deleted rows alike.
--
-- A row's text is its embedded columns, trimmed, those without a word left out, joined by '. '.
-- The hash covers the version of that rule. A row without text gets no vector. The key's
-- columns are called id_1, id_2 … here.
create temp table {embed_source} as
with source as (
    select
        {columns},
        s.{label_source}::text as name,
        {code_source}::text as code,
        regexp_replace(
            btrim(concat_ws(E'\x1f', {texts}), E' \t\r\n\x1f'), '\s*\x1f[\s\x1f]*', '. ', 'g'
        ) as text
    from {staging} s
),
hashed as (
    select *, sha256(convert_to(%(rule)s || text, 'UTF8')) as content_hash from source
),
compared as (
    select
        s.*,
        s.text = '' as is_empty,
        s.text <> '' and (
            %(rebuild)s
            or e.content_hash is distinct from s.content_hash
            or e.model is distinct from %(model)s
            or e.embedding is null
            or e.vector_hash is distinct from sha256(e.content_hash || vector_send(e.embedding))
            or not abs(vector_norm(e.embedding) - 1) < 0.001
        ) as is_changed
    from hashed s
    left join {table} e on {same}
)
select
    {places},
    is_empty,
    case when is_changed then dense_rank() over (partition by is_changed order by content_hash) end
        as text_no,
    case when is_changed then content_hash end as content_hash,
    case when is_changed then text end as text,
    case when is_changed then name end as name,
    case when is_changed then code end as code
from compared;

create index on {embed_source} (text_no) where text_no is not null;
analyze {embed_source};

create temp table {embed_vector} (text_no bigint, embedding vector({dimension}))
on commit delete rows;
