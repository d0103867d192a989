-- A sample of vectors, chosen by a seed, and how far the nearest ones are that the index brings.
with sample as materialized (
    select {id} as key, embedding
    from {embeddings}
    where embedding is not null and vector_norm(embedding) > 0
    order by hashtextextended({id}::text || %(seed)s, 0)
    limit %(size)s
)
select s.key, s.embedding::text, n.distances
from sample s
cross join lateral (
    select coalesce(array_agg(distance order by distance), array[]::float8[]) as distances
    from (
        select e.embedding <=> s.embedding as distance
        from {embeddings} e
        order by e.embedding <=> s.embedding
        limit %(nearest)s
    ) near
) n
