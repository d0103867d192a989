-- The tables of the database, for whom @schema and @table are misspelt.
select s.name + N'.' + t.name as name
from sys.tables t
join sys.schemas s on s.schema_id = t.schema_id
where t.is_ms_shipped = 0;
