-- The partitions of the rows that no object of ours has brought.
select distinct b.kafka_partition::integer
from {table} b
where b.kafka_topic = %(topic)s
    and b.generation = %(generation)s
    and not starts_with(b.batch_file, %(ours)s)
order by 1
