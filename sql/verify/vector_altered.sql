-- Vectors that are not the ones that were made for their texts: changed, or another row's.
select
    count(*) as rows,
    count(*) filter (where is_altered) as altered,
    (array_agg(key order by key) filter (where is_altered))[1:100] as altered_keys
from (
    select
        {id} as key,
        vector_hash is distinct from sha256(content_hash || vector_send(embedding)) as is_altered
    from {embeddings}
    where embedding is not null and content_hash is not null
) as stored
