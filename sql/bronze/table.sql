-- The bronze table of one source table: every record as it came, once.
-- {table} is schema.table, {name} the bare name; both are checked and quoted by the caller.
create table if not exists {table} (
    id bigserial primary key,
    kafka_topic text not null,
    generation text not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    kafka_timestamp timestamptz not null,
    kafka_key jsonb,
    cdc_payload jsonb,
    schema_id integer references bronze.cdc_schema (id),
    key_schema_id integer references bronze.cdc_schema (id),
    ingested_at timestamptz not null default now(),
    batch_file text not null,
    constraint {unique} unique (kafka_topic, generation, kafka_partition, kafka_offset)
);
