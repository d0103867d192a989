-- Whether SQL Server Agent runs, as Debezium asks it. Needs VIEW SERVER STATE.
select case when status = 4 then 1 else 0 end as runs
from sys.dm_server_services
where servicename like N'SQL Server Agent (%';
