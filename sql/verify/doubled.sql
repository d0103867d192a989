-- Offsets that stand more than once in bronze and the quarantine.
select generation, kafka_partition, kafka_offset, count(*)
from (
    select generation, kafka_partition, kafka_offset
    from {bronze}
    where kafka_topic = %(topic)s
    union all
    select generation, kafka_partition, kafka_offset
    from bronze.cdc_quarantine
    where kafka_topic = %(topic)s
) as both_sides
group by generation, kafka_partition, kafka_offset
having count(*) > 1
order by generation, kafka_partition, kafka_offset
