-- The vectors of one table, one row a key, and what search looks up beside them. An older table of
-- that name (key and vector only) gains what it lacks; its rows count as changed and are filled.
-- {schema}, {table}: its place; {id}: the key's column, of the type it has in {staging};
-- {dimension}: the vector's length; {label}, {code}: two of the staging's columns, kept for readers.
create schema if not exists {schema};

create table if not exists {table} ({id}) as select {id} from {staging} with no data;

alter table {table}
    add column if not exists embedding vector({dimension}),
    add column if not exists content_hash bytea,
    add column if not exists model text,
    add column if not exists embedded_at timestamptz not null default now(),
    add column if not exists {label} text,
    add column if not exists {code} text,
    add column if not exists code_norm text,
    add column if not exists tsv tsvector;

do $$
begin
    if not exists (
        select from pg_index
        where indrelid = '{table}'::regclass and indisprimary
    ) then
        alter table {table} add primary key ({id});
    end if;
end
$$;

create index if not exists {words_index} on {table} using gin (tsv);
create index if not exists {code_index} on {table} (code_norm);
