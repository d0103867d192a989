-- What went wrong while changes were captured, the newest first. Needs VIEW DATABASE STATE.
select top (5) entry_time, error_number, error_message
from sys.dm_cdc_errors
where error_number <> 0
order by entry_time desc;
