-- The row of the quarantine at one offset.
select kafka_timestamp, raw_key, raw_value, sqlstate, reason, batch_file, quarantined_at
from bronze.cdc_quarantine
where kafka_topic = %(topic)s
    and generation = %(generation)s
    and kafka_partition = %(partition)s
    and kafka_offset = %(offset)s
