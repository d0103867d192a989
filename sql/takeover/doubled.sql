-- Offsets that stand in more than one row: none, where the table has its unique key.
select count(*) from (
    select from {table}
    group by kafka_topic, kafka_partition, kafka_offset
    having count(*) > 1
) as twice
