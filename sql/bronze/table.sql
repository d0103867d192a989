-- The bronze table of one source table: every record as it came, once.
-- {schema} and {table} are its place, {unique} its key's name, {events} the view's place.
-- The schemas' ids reference bronze.cdc_schema without a foreign key: checking it row by row takes
-- a fifth of a load's time, and no row of cdc_schema is ever changed or deleted.
create schema if not exists {schema};

create table if not exists {table} (
    id bigserial primary key,
    kafka_topic text not null,
    generation text not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    kafka_timestamp timestamptz not null,
    kafka_key jsonb,
    cdc_payload jsonb,
    schema_id integer,
    key_schema_id integer,
    ingested_at timestamptz not null default now(),
    batch_file text not null,
    constraint {unique} unique (kafka_topic, generation, kafka_partition, kafka_offset)
);

-- The whole events: key and value with the inline schema that bronze keeps apart.
create or replace view {events} as
select
    b.id,
    b.kafka_topic,
    b.generation,
    b.kafka_partition,
    b.kafka_offset,
    b.kafka_timestamp,
    case
        when k.id is null then b.kafka_key
        else jsonb_build_object('schema', k.schema) || b.kafka_key
    end as kafka_key,
    case
        when v.id is null then b.cdc_payload
        else jsonb_build_object('schema', v.schema) || b.cdc_payload
    end as cdc_payload,
    b.ingested_at,
    b.batch_file
from {table} b
left join bronze.cdc_schema k on k.id = b.key_schema_id
left join bronze.cdc_schema v on v.id = b.schema_id;
