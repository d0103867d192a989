-- Rows that do not say which record they are.
select count(*) from {table}
where kafka_topic is null or kafka_partition is null or kafka_offset is null
