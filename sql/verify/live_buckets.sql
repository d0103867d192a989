,
live as (
    select key
    from newest
    where key is not null and not gone and not closed
)
select
    ('x' || left(md5(key), 3))::bit(12)::integer as bucket,
    count(*),
    sum(('x' || right(md5(key), 15))::bit(60)::bigint)
from live
group by bucket
