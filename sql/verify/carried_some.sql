select count(*) over (), record, value #>> '{}'
from carried
where name = %(name)s and kind = %(kind)s and found and id < %(before)s
order by id
limit 5
