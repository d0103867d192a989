-- Every record has a timestamp (Kafka writes -1 ms where it has none), a time of its arrival, and
-- the name of a file, if only an empty one.
update {table} set
    kafka_timestamp = coalesce(
        kafka_timestamp, timestamptz 'epoch' - interval '1 millisecond'),
    ingested_at = coalesce(ingested_at, now()),
    batch_file = coalesce(batch_file, '')
where kafka_timestamp is null or ingested_at is null or batch_file is null;

alter table {table}
    alter column kafka_topic set not null,
    alter column kafka_partition set not null,
    alter column kafka_offset set not null,
    alter column kafka_timestamp set not null,
    alter column ingested_at set not null,
    alter column ingested_at set default now(),
    alter column batch_file set not null;
