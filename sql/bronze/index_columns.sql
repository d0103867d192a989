-- A table's indexes over all of its rows: name, whether it is there to be used, its columns as
-- Postgres writes them.
select
    c.relname::text,
    i.indisvalid,
    array(
        select pg_get_indexdef(i.indexrelid, place, false)
        from generate_series(1, i.indnkeyatts) as place
        order by place
    )
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_am m on m.oid = c.relam and m.amname = 'btree'
where i.indrelid = to_regclass(%(table)s) and i.indpred is null
