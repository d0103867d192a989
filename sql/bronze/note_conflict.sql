insert into bictl.offset_conflict (
    kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
    raw_key, raw_value, batch_file, batch_sha256, standing_file
)
values (
    %(topic)s, %(generation)s, %(partition)s, %(offset)s, %(instant)s::timestamptz,
    %(key)s, %(value)s, %(file)s, %(sha256)s, %(standing)s
)
on conflict do nothing
