select
    name,
    kind,
    count(*) filter (where value <> 'null') as judged,
    count(*) filter (where found) as found,
    count(*) filter (where fine) as fine,
    min(id) filter (where value = 'null') as first_null
from carried
group by name, kind
order by name, kind
