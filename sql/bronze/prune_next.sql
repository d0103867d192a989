-- The first row of a partition at or behind an offset: where the next window begins.
select kafka_offset from {table}
where kafka_topic = %(topic)s and generation = %(generation)s
    and kafka_partition = %(partition)s
    and kafka_offset >= %(first)s and kafka_offset < %(next)s
order by kafka_offset
limit 1
