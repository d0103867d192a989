-- Texts, chosen by a seed, and the vectors that are said to be theirs.
select key, left(text, 8000), embedding::text
from (
    select {id} as key, e.embedding, e.content_hash,
        regexp_replace(
            btrim(concat_ws(E'\x1f', {texts}), E' \t\r\n\x1f'), '\s*\x1f[\s\x1f]*', '. ', 'g'
        ) as text
    from {staging} s
    join (
        select {key}, embedding, content_hash
        from {embeddings}
        where embedding is not null and model = %(model)s
    ) e on {same}
) paired
where content_hash = sha256(convert_to(%(rule)s || text, 'UTF8'))
order by hashtextextended(key::text || %(seed)s, 0)
limit %(size)s
