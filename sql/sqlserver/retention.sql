-- For how many minutes changes are kept. Needs SELECT on msdb.dbo.cdc_jobs.
select retention
from msdb.dbo.cdc_jobs
where database_id = db_id() and job_type = N'cleanup';
