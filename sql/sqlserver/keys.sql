-- The keys of the buckets {buckets}.
select {key} as key_text
from {table}
where convert(int, substring(hashbytes('MD5', {key}), 1, 2)) / 16 in ({buckets});
