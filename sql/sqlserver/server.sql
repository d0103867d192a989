-- Which server and database this is, and whether the database captures changes.
select
    cast(serverproperty('ProductVersion') as nvarchar(128)) as version,
    cast(serverproperty('Edition') as nvarchar(128)) as edition,
    db_name() as database_name,
    is_cdc_enabled
from sys.databases
where database_id = db_id();
