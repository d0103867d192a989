-- The HNSW indexes on a table's vectors; %(table)s is the quoted name.
select
    c.relname::text as name,
    i.indisvalid and i.indisready as is_valid,
    o.opcname::text as operators,
    exists (
        select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid
    ) as is_building
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_am m on m.oid = c.relam and m.amname = 'hnsw'
join pg_opclass o on o.oid = i.indclass[0]
where i.indrelid = to_regclass(%(table)s) and i.indpred is null -- a partial one finds only some
order by c.relname
