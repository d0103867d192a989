-- Which object each row of bronze and the quarantine says it came from, and with which offsets.
select
    batch_file, generation, kafka_partition,
    min(kafka_offset), max(kafka_offset) + 1, count(*)
from (
    select batch_file, generation, kafka_partition, kafka_offset
    from {bronze}
    where kafka_topic = %(topic)s
    union all
    select batch_file, generation, kafka_partition, kafka_offset
    from bronze.cdc_quarantine
    where kafka_topic = %(topic)s
) as both_sides
group by batch_file, generation, kafka_partition
