-- Change data capture for the database {words}, so that Debezium can read what changes.
-- Printed by `bictl cdc enable`; nothing of it is done twice, and nothing before you run it.

use {database};
go

-- The database. Needs the server role sysadmin. Makes the schema cdc with tables of its own and
-- touches none of yours. (On Amazon RDS it is msdb.dbo.rds_cdc_enable_db instead.)
if exists (select 1 from sys.databases where database_id = db_id() and is_cdc_enabled = 0)
begin
    exec sys.sp_cdc_enable_db;
end;
go

-- SQL Server Agent carries changes from the log into the schema cdc. While it is stopped nothing is
-- captured, and the log cannot be truncated.
if not exists (
    select 1 from sys.dm_server_services
    where servicename like N'SQL Server Agent (%' and status = 4
)
begin
    raiserror(N'SQL Server Agent does not run: start it, and let it start with the server.', 16, 1);
end;
go
