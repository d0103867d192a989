-- What the staging models' views look up: the records of a key, newest first, and the few records
-- that begin or end a snapshot. {key_function} is bronze.cdc_key_integer (or _bigint, _text), the
-- parameter `key` the key's column at the source.
create index if not exists {key_index} on {table}
    ({key_function}(kafka_key, cdc_payload, %(key)s), kafka_offset desc);

create index if not exists {marker_index} on {table} (kafka_topic, generation, kafka_offset)
    where bronze.cdc_snapshot_marker(cdc_payload) in ('first', 'last');
