select object_key, sha256, generation, kafka_partition, first_offset, next_offset
from bictl.object_ledger
where kafka_topic = %(topic)s
order by object_key
