-- Of each asked vector, by its number: how far the nearest ones are, when all are compared that are no
-- farther than `reach`. Each stored vector is fetched once, and not once for each that is asked for.
select number, (array_agg(distance order by distance))[1:%(nearest)s]
from (
    select embedding::real[]::vector as embedding
    from {embeddings}
    where embedding is not null
    offset 0
) e
cross join lateral (
    select number, e.embedding <=> vector as distance
    from unnest(%(vectors)s::vector[], %(reaches)s::float8[])
        with ordinality as asked (vector, reach, number)
    where e.embedding <=> vector <= reach
    offset 0
) near
where vector_norm(e.embedding) > 0
group by number
