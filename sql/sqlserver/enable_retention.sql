-- How long changes are kept: {minutes} minutes. A connector that was down for longer has lost
-- changes and needs a new snapshot; SQL Server's own default is 4320 minutes, three days.
if exists (
    select 1 from msdb.dbo.cdc_jobs
    where database_id = db_id() and job_type = N'cleanup' and retention <> {minutes}
)
begin
    exec sys.sp_cdc_change_job @job_type = N'cleanup', @retention = {minutes};
end;
go
