-- What a batch's records are copied into; empty again at the end of each transaction. `schema_no`
-- and `key_schema_no` number the batch's own schemas from 1, 0 is none.
create temp table if not exists bictl_batch (
    kafka_offset bigint not null,
    timestamp_ms bigint not null,
    key_schema_no integer not null,
    schema_no integer not null,
    kafka_key jsonb,
    cdc_payload jsonb
) on commit delete rows;

create temp table if not exists bictl_suspect (
    n integer not null,
    kafka_key text,
    cdc_payload text
) on commit delete rows;

create temp table if not exists bictl_reject (
    n integer not null,
    kafka_offset text not null,
    instant text not null,
    raw_key bytea,
    raw_value bytea,
    sqlstate text not null,
    reason text not null
) on commit delete rows;
