-- What stands now: each capture instance, and since when it has changes.
use {database};
go

select
    object_schema_name(source_object_id) as source_schema,
    object_name(source_object_id) as source_table,
    capture_instance,
    role_name,
    create_date
from cdc.change_tables
order by source_schema, source_table;
go
