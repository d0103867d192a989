-- The table: whether its updates name the row that they change (by a primary key, an index or the
-- whole old row), and the publications that carry its inserts, updates and deletes.
select
    c.relreplident <> 'n' and (c.relreplident <> 'd' or exists (
        select from pg_index i where i.indrelid = c.oid and i.indisprimary)) as names_rows,
    array(
        select p.pubname::text
        from pg_publication_tables t
        join pg_publication p using (pubname)
        where (t.schemaname, t.tablename) = (%(schema)s, %(table)s)
            and p.pubinsert and p.pubupdate and p.pubdelete
        order by p.pubname
    ) as publications
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) = (%(schema)s, %(table)s)
