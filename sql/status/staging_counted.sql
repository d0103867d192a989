-- How many rows a view had when transform last counted them.
select (result -> 'views' ->> %(view)s)::bigint, finished_at
from bictl.run
where command = 'transform'
    and arguments -> 'tables' ? %(table)s
    and result -> 'views' ? %(view)s
order by id desc
limit 1
