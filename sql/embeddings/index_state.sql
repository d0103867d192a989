-- The cosine HNSW indexes on all of a table's vectors, and whether somebody is building one now.
-- Ours by its name is not valid where it is another one: of other operators, of another method, or
-- of some of the rows. Other people's are theirs.
select
    format('%%I.%%I', n.nspname, c.relname) as name,
    i.indisvalid and i.indisready and is_cosine as is_valid,
    exists (
        select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid
    ) as is_in_progress
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_am m on m.oid = c.relam
join pg_opclass o on o.oid = i.indclass[0]
cross join lateral (
    select m.amname = 'hnsw' and o.opcname = 'vector_cosine_ops' and i.indpred is null
        as is_cosine
) as judged
where i.indrelid = to_regclass(%(table)s) and (is_cosine or c.relname = %(ours)s)
order by is_valid desc, name
