-- When the newest full verdict that was complete began, of the table as it is configured now; through
-- where it read; its run.
select started_at, result -> 'frontiers', run_id::text
from bictl.run
where command = 'verify'
    and result ->> 'table' = %(table)s
    and result ->> 'topic' = %(topic)s
    and result ->> 'bronze' = %(bronze)s
    and (result -> 'complete')::boolean
order by id desc
limit 1
