-- The quarantined records of one partition's range, as raw bytes.
select kafka_offset, raw_key, raw_value
from bronze.cdc_quarantine
where kafka_topic = %(topic)s
    and generation = %(generation)s
    and kafka_partition = %(partition)s
    and kafka_offset >= %(first)s and kafka_offset < %(next)s
