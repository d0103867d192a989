select bictl_key
from pair
where case when %(lost)s
    then {column} is null and jsonb_typeof(bictl_row -> %(field)s) <> 'null'
    else %(exact)s and {column}::text <> bictl_row ->> %(field)s
        or {column} is not null and jsonb_typeof(bictl_row -> %(field)s) = 'null' end
order by bictl_key
limit 100
