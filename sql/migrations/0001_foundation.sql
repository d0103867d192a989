-- What bictl owns in Postgres beside the tables of each source: schemas, interned envelopes,
-- generations, the ledger of loaded objects, the quarantine, the ledger of runs.
create schema if not exists bronze;
create schema if not exists analytics_features;
create extension if not exists vector with schema public;

-- The bronze tables that bictl made or took over, and the source table each belongs to.
create table bictl.bronze_table (
    bronze_table text primary key,
    source_table text not null,
    created_at timestamptz not null default now()
);

-- An inline Debezium schema, interned once: rows keep its id. `fields` maps each column of the row
-- to {"type": …, "name": …, "scale": …}: what a decoder has to know.
create table bronze.cdc_schema (
    id integer generated always as identity primary key,
    sha256 bytea not null unique,
    schema jsonb not null,
    fields jsonb not null,
    first_seen timestamptz not null default now()
);

-- The order of a topic's generations, whose ids are random.
create table bronze.cdc_generation (
    kafka_topic text not null,
    generation text not null,
    generation_no integer not null,
    primary key (kafka_topic, generation)
);

-- What bronze cannot hold, whole: the raw bytes and Postgres's own reason.
create table bronze.cdc_quarantine (
    kafka_topic text not null,
    generation text not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    kafka_timestamp timestamptz not null,
    raw_key bytea,
    raw_value bytea,
    sqlstate text not null,
    reason text not null,
    batch_file text not null,
    quarantined_at timestamptz not null default now(),
    primary key (kafka_topic, generation, kafka_partition, kafka_offset)
);

-- One row an object and content: what it holds and what became of each record. A conflict is a
-- duplicate whose content differs from the record that was there first.
create table bictl.object_ledger (
    object_key text not null,
    sha256 text not null,
    etag text not null,
    size bigint not null,
    kafka_topic text not null,
    generation text not null,
    kafka_partition integer not null,
    first_offset bigint not null,
    next_offset bigint not null,
    n_records bigint not null,
    n_tombstones bigint not null,
    min_timestamp timestamptz,
    max_timestamp timestamptz,
    n_loaded bigint not null,
    n_quarantined bigint not null,
    n_duplicate bigint not null,
    n_conflict bigint not null default 0,
    ingest_run text not null,
    load_run text not null,
    loaded_at timestamptz not null default now(),
    primary key (object_key, sha256),
    check (next_offset > first_offset),
    check (n_records <= next_offset - first_offset),
    check (n_loaded >= 0 and n_quarantined >= 0 and n_duplicate >= n_conflict and n_conflict >= 0),
    constraint every_record_is_accounted_for check (n_loaded + n_quarantined + n_duplicate = n_records)
);

create index object_ledger_range
    on bictl.object_ledger (kafka_topic, generation, kafka_partition, first_offset);

-- An offset that two objects claim with different content: the first one that was loaded stands in
-- bronze, the other one is here, whole.
create table bictl.offset_conflict (
    kafka_topic text not null,
    generation text not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    kafka_timestamp timestamptz not null,
    raw_key bytea,
    raw_value bytea,
    batch_file text not null,
    batch_sha256 text not null,
    standing_file text not null,
    noticed_at timestamptz not null default now(),
    primary key (kafka_topic, generation, kafka_partition, kafka_offset, batch_sha256)
);

-- One row a stage and run; a run of several stages has several rows. `heartbeat_at` is the last
-- time the run was known to work.
create table bictl.run (
    id bigint generated always as identity primary key,
    run_id uuid not null,
    command text not null,
    arguments jsonb not null,
    version text not null,
    host text not null,
    pid integer not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    finished_at timestamptz,
    status text not null check (status in ('running', 'ok', 'warn', 'fail', 'unknown', 'killed')),
    exit_code integer,
    error text,
    result jsonb,
    check ((status = 'running') = (finished_at is null))
);
