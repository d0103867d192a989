select
    object_key, sha256, generation, kafka_partition, first_offset, next_offset,
    n_records, size, coalesce(sealed_at, loaded_at)
from bictl.object_ledger
where kafka_topic = %(topic)s
order by object_key
