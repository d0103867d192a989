select bictl_key
from pair
where case when %(lost)s
    then {column} is null and jsonb_typeof(bictl_row -> %(field)s) <> 'null'
    else {column}::text <> bictl_row ->> %(field)s end
order by bictl_key
limit 100
