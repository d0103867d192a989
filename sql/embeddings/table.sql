-- The vectors of one table, one row a key, and what search looks up beside them. An older table of
-- that name (key and vector, perhaps columns of its own) gains what it lacks; its rows count as
-- changed and are filled. Columns of its own stay with what they hold, and may be empty in new rows.
-- vector_hash is over content_hash and the vector's bytes: which vector was made for which text.
-- {schema}, {table}: its place; {id}: the key's columns, of the types they have in {staging};
-- {dimension}: the vector's length; {label}, {code}: two of the staging's columns, kept for readers.
create schema if not exists {schema};

create table if not exists {table} ({id}) as select {id} from {staging} with no data;

alter table {table}
    add column if not exists embedding vector({dimension}),
    add column if not exists content_hash bytea,
    add column if not exists vector_hash bytea,
    add column if not exists model text,
    add column if not exists embedded_at timestamptz not null default now(),
    add column if not exists {label} text,
    add column if not exists {code} text,
    add column if not exists code_norm text,
    add column if not exists tsv tsvector;

do $$
declare
    theirs text;
begin
    if not exists (
        select from pg_index i
        where i.indrelid = '{table}'::regclass and i.indisunique and i.indisvalid
            and i.indpred is null and i.indnkeyatts = cardinality(%(id)s::text[])
            and array(
                select a.attname::text
                from pg_attribute a
                where a.attrelid = i.indrelid
                    and a.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
            ) @> %(id)s::text[]
    ) then
        if exists (select from pg_index where indrelid = '{table}'::regclass and indisprimary) then
            alter table {table} add unique ({id});
        else
            alter table {table} add primary key ({id});
        end if;
    end if;
    for theirs in
        select a.attname
        from pg_attribute a
        where a.attrelid = '{table}'::regclass and a.attnum > 0 and not a.attisdropped
            and a.attnotnull and not a.atthasdef and a.attidentity = ''
            and a.attname <> all (%(columns)s)
            and not exists (
                select from pg_index i
                where i.indrelid = a.attrelid and i.indisprimary
                    and a.attnum = any (i.indkey::smallint[])
            )
    loop
        execute format('alter table {table} alter column %%I drop not null', theirs);
    end loop;
end
$$;

create index if not exists {words_index} on {table} using gin (tsv);
create index if not exists {code_index} on {table} (code_norm);
