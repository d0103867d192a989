,
live as (
    select key
    from newest
    where key is not null and not gone and not closed
)
select key
from live
where ('x' || left(md5(key), 3))::bit(12)::integer = any (%(buckets)s)
