-- A sample of vectors, chosen by a seed: how many others are asked for, and how far the farthest of
-- the nearest ones is when all are compared (no index serves a sum).
with sample as materialized (
    select {id} as key, embedding
    from {embeddings}
    where embedding is not null and vector_norm(embedding) > 0
    order by hashtextextended({id}::text || %(seed)s, 0)
    limit %(size)s
)
select s.key, s.embedding::text, x.wanted, x.farthest
from sample s
cross join lateral (
    select count(*) as wanted, max(distance) as farthest
    from (
        select e.embedding <=> s.embedding as distance
        from {embeddings} e
        where e.embedding is not null and vector_norm(e.embedding) > 0
        order by 0 + (e.embedding <=> s.embedding)
        limit %(nearest)s
    ) n
) x
