-- Where the record of an offset stands, and whether the quarantine holds these very bytes.
select batch_file, false as same
from {table}
where kafka_topic = %(topic)s and generation = %(generation)s
    and kafka_partition = %(partition)s and kafka_offset = %(offset)s
union all
select
    batch_file,
    raw_key is not distinct from %(key)s::bytea and raw_value is not distinct from %(value)s::bytea
from bronze.cdc_quarantine
where kafka_topic = %(topic)s and generation = %(generation)s
    and kafka_partition = %(partition)s and kafka_offset = %(offset)s
