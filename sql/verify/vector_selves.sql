-- Whether each of the newest rows, and of others chosen by a seed, is found by its own vector. A
-- row with more twins than are asked for is found with any of them. `keys` leaves all others out.
with chosen as materialized (
    (
        select {id} as key, embedding
        from {embeddings}
        where vector_norm(embedding) > 0
        order by embedded_at desc nulls last
        limit %(newest)s
    )
    union all
    (
        select {id}, embedding
        from {embeddings}
        where vector_norm(embedding) > 0
        order by hashtextextended({id}::text || %(seed)s, 0)
        limit %(others)s
    )
)
select c.key, coalesce(n.has_self or n.farthest <= %(same)s, false)
from (select distinct on (key) key, embedding from chosen) c
cross join lateral (
    select bool_or(near.key = c.key and near.distance <= %(same)s) as has_self,
        case when count(*) = %(nearest)s then max(near.distance) end as farthest
    from (
        select {id} as key, e.embedding <=> c.embedding as distance
        from {embeddings} e
        order by e.embedding <=> c.embedding
        limit %(nearest)s
    ) near
) n
where %(keys)s::text[] is null or c.key = any(%(keys)s::text[])
order by c.key
