-- One row per record: the key that every load relies on.
alter table {table} add constraint {unique}
    unique (kafka_topic, generation, kafka_partition, kafka_offset)
