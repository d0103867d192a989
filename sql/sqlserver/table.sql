-- The table that @schema and @table name: whether its changes are captured, and how many rows it
-- has by the catalogue, which counts without reading.
select
    t.is_tracked_by_cdc,
    (
        select sum(p.rows) from sys.partitions p
        where p.object_id = t.object_id and p.index_id in (0, 1)
    ) as row_count
from sys.tables t
join sys.schemas s on s.schema_id = t.schema_id
where s.name = @schema and t.name = @table;
