-- Of the nearest vectors of each asked one, how many the index brings: by their distance, so that
-- twins count.
select count(*) filter (where distance <= %(farthest)s + %(again)s)
from (
    select e.embedding <=> %(vector)s::vector as distance
    from {embeddings} e
    order by e.embedding <=> %(vector)s::vector
    limit %(nearest)s
) n
