-- The table's capture instances (at most two), the oldest change that each still has (hex), and the
-- columns that it captures. Needs SELECT on the schema cdc.
select
    ct.capture_instance,
    ct.supports_net_changes,
    convert(varchar(20), ct.start_lsn, 2) as min_lsn,
    cc.column_name
from cdc.change_tables ct
join cdc.captured_columns cc on cc.object_id = ct.object_id
where ct.source_object_id = object_id(quotename(@schema) + N'.' + quotename(@table), N'U')
order by ct.create_date, ct.capture_instance, cc.column_ordinal;
