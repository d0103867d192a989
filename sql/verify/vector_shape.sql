-- What a vector must be to be found: there, of one length, of length 1; a zero vector is in no
-- cosine index. https://github.com/pgvector/pgvector#indexing
-- And those that are not the ones that were made for their texts: changed, or another row's.
with stored as (
    select
        {id} as key,
        coalesce(model, '') as model,
        embedding is null as is_null,
        vector_norm(embedding) as norm,
        vector_dims(embedding) as dimension,
        embedding is not null and content_hash is not null as is_hashed,
        {hash} is distinct from sha256(content_hash || vector_send(embedding)) as is_other
    from {embeddings}
    offset 0
)
select
    count(*) as rows,
    count(*) filter (where is_null) as nulls,
    count(*) filter (where norm = 0) as zeros,
    count(*) filter (where norm <> 0 and not abs(norm - 1) < 0.001) as bent,
    count(*) - count(distinct key) as twice,
    (select array_agg(key) from (
        select {id} as key from {embeddings} group by 1 having count(*) > 1 order by 1 limit 100
    ) as doubled) as twice_keys,
    array_agg(distinct dimension) filter (where not is_null) as dimensions,
    array_agg(distinct model) as models,
    (array_agg(key) filter (where is_null or not abs(norm - 1) < 0.001))[1:100] as bad_keys,
    count(*) filter (where is_hashed) as hashed,
    count(*) filter (where is_hashed and is_other) as altered,
    (array_agg(key order by key) filter (where is_hashed and is_other))[1:100] as altered_keys
from stored
