-- Columns without a value on either side of the newest updates: what a computed column looks like.
-- However long the history is, only its newest records are looked at.
with newest as materialized (
    select bronze.cdc_event(cdc_payload) as event
    from {bronze}
    where kafka_topic = %(topic)s and cdc_payload is not null
    order by id desc
    limit 5000
)
select cell.name
from newest
cross join lateral jsonb_each(
    case when jsonb_typeof(event -> 'after') = 'object' then event -> 'after' end
) as cell (name, value)
where event ->> 'op' = 'u'
group by cell.name
having bool_and(cell.value = 'null' and coalesce(event -> 'before' -> cell.name, 'null') = 'null')
order by cell.name
