select
    object_key, sha256, generation, kafka_partition, first_offset, next_offset,
    n_records, size, coalesce(sealed_at, loaded_at), n_tombstones,
    (extract(epoch from min_timestamp) * 1000)::bigint,
    (extract(epoch from max_timestamp) * 1000)::bigint
from bictl.object_ledger
where kafka_topic = %(topic)s
order by object_key
