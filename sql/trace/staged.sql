-- The row that staging shows of a key, beside it the hash of its text by the rule of embed
-- (sql/embeddings/work.sql). {texts} are the embedded columns, null where there are none.
select
    s.*,
    prepared.text = '' as "bictl:is_empty",
    sha256(convert_to(%(rule)s || prepared.text, 'UTF8')) as "bictl:hash"
from {staging} s
cross join lateral (
    select regexp_replace(
        btrim(concat_ws(E'\x1f', {texts}), E' \t\r\n\x1f'), '\s*\x1f[\s\x1f]*', '. ', 'g'
    ) as text
) as prepared
where ({keys}) = %(values)s
limit 1
