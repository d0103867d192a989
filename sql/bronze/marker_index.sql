-- The few records that begin or end a snapshot, which the staging models' views look up too.
create index if not exists {index} on {table} (kafka_topic, generation, kafka_offset)
    where bronze.cdc_snapshot_marker(cdc_payload) in ('first', 'last')
