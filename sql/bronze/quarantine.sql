-- A record that bronze cannot hold. No row comes back when its offset is there already.
insert into bronze.cdc_quarantine (
    kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
    raw_key, raw_value, sqlstate, reason, batch_file
)
select
    %(topic)s, %(generation)s, %(partition)s, %(offset)s, %(instant)s::timestamptz,
    %(key)s, %(value)s, %(sqlstate)s, %(reason)s, %(file)s
where not exists (
    select from {table}
    where kafka_topic = %(topic)s and generation = %(generation)s
        and kafka_partition = %(partition)s and kafka_offset = %(offset)s
)
on conflict (kafka_topic, generation, kafka_partition, kafka_offset) do nothing
returning kafka_offset
