-- The keys of some buckets.
select key
from (select {key} as key from {table}) as named
where ('x' || left(md5(key), 3))::bit(12)::integer = any (%(buckets)s)
