-- Keys by the first 12 bits of the MD5 of their text: bucket, how many, and the sum of the low 60 bits
-- of the hashes. Two sides whose buckets are equal have the same keys.
select
    ('x' || left(digest, 3))::bit(12)::integer as bucket,
    count(*),
    sum(('x' || right(digest, 15))::bit(60)::bigint)
from (select md5({key}) as digest from {table}) as hashed
group by bucket
