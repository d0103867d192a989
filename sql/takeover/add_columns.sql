-- What a bronze table has and this one does not. The default of `generation` gives every row that is
-- there its generation without writing one; for new rows it goes again.
alter table {table}
    add column if not exists id bigserial,
    add column if not exists kafka_timestamp timestamptz,
    add column if not exists generation text not null default %(generation)s,
    add column if not exists schema_id integer,
    add column if not exists key_schema_id integer,
    add column if not exists ingested_at timestamptz,
    add column if not exists batch_file text;
alter table {table} alter column generation drop default;
