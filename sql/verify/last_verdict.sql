-- When the newest full verdict that was complete began, and through where it read.
select started_at, result -> 'frontiers'
from bictl.run
where command = 'verify'
    and result ->> 'table' = %(table)s
    and (result -> 'complete')::boolean
order by started_at desc
limit 1
