-- The cosine HNSW indexes on a table's vectors, and whether somebody is building one now.
select
    format('%%I.%%I', n.nspname, c.relname) as name,
    i.indisvalid and i.indisready as is_valid,
    exists (
        select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid
    ) as is_in_progress
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_am m on m.oid = c.relam and m.amname = 'hnsw'
join pg_opclass o on o.oid = i.indclass[0] and o.opcname = 'vector_cosine_ops'
where i.indrelid = to_regclass(%(table)s)
order by is_valid desc, name
