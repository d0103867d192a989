-- The views and the like that read a view.
select distinct r.ev_class::regclass::text
from pg_depend d
join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
where d.refclassid = 'pg_class'::regclass
    and d.refobjid = to_regclass(%(view)s)
    and r.ev_class <> d.refobjid
order by 1
