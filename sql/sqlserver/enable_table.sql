-- {words}. Needs the database role db_owner. Debezium reads every change by itself, never net
-- changes, which would want an index of their own: hence @supports_net_changes = 0.
-- With a role, only its members read the changes; with null, whoever may read the schema cdc.
if object_id({object_text}, N'U') is null
begin
    raiserror(N'There is no table %s in this database.', 16, 1, {object_text});
end;
if exists (
    select 1 from sys.tables where object_id = object_id({object_text}) and is_tracked_by_cdc = 0
)
begin
    exec sys.sp_cdc_enable_table
        @source_schema = {schema_text},
        @source_name = {table_text},
        @role_name = {role},
        @supports_net_changes = 0;
end;
go
