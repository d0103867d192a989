-- The bronze tables that other scripts had made: which generation their rows were given, once, and
-- when all of those rows had come into sealed batches.
create table bictl.takeover (
    bronze_table text primary key,
    kafka_topic text not null,
    generation text not null,
    generation_no integer not null,
    n_rows bigint not null,
    migrated_at timestamptz not null default now(),
    sealed_at timestamptz
);
