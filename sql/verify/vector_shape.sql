-- What a vector must be to be found: there, of one length, of length 1; a zero vector is in no
-- cosine index. https://github.com/pgvector/pgvector#indexing
select
    count(*) as rows,
    count(*) filter (where embedding is null) as nulls,
    count(*) filter (where vector_norm(embedding) = 0) as zeros,
    count(*) filter (
        where vector_norm(embedding) <> 0 and not abs(vector_norm(embedding) - 1) < 0.001
    ) as bent,
    count(*) - count(distinct {id}) as twice,
    (select array_agg(key) from (
        select {id} as key from {embeddings} group by 1 having count(*) > 1 order by 1 limit 100
    ) as doubled) as twice_keys,
    array_agg(distinct vector_dims(embedding)) filter (where embedding is not null) as dimensions,
    array_agg(distinct coalesce(model, '')) as models,
    (array_agg({id}) filter (
        where embedding is null or not abs(vector_norm(embedding) - 1) < 0.001
    ))[1:100] as bad_keys
from {embeddings}
