-- The index of a bronze table's key, beside those who read and write it.
create unique index concurrently {index} on {table}
    (kafka_topic, generation, kafka_partition, kafka_offset)
