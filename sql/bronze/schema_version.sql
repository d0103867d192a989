-- Which migrations were applied. Run under the migrations' lock: `if not exists` alone races.
create schema if not exists bictl;
create table if not exists bictl.schema_version (
    version integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
);
