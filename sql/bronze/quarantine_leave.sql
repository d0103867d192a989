-- What stands in bronze now leaves the quarantine.
delete from bronze.cdc_quarantine q
using pg_temp.bictl_batch c
where q.kafka_topic = %(topic)s
    and q.generation = %(generation)s
    and q.kafka_partition = %(partition)s
    and q.kafka_offset = c.kafka_offset
