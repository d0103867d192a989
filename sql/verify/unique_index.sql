-- The unique indexes of a table that work, each with its columns in order.
select array_agg(a.attname::text order by k.position)
from pg_index i
cross join lateral unnest(i.indkey) with ordinality as k (attnum, position)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = to_regclass(%(table)s)
    and i.indisunique and i.indisvalid and i.indisready and i.indpred is null
group by i.indexrelid
