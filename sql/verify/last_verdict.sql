-- When the newest full verdict that was complete began, and through where it read; its run.
select started_at, result -> 'frontiers', run_id::text
from bictl.run
where command = 'verify'
    and result ->> 'table' = %(table)s
    and (result -> 'complete')::boolean
order by started_at desc
limit 1
