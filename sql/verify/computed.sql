-- Of these columns, those that have values in snapshots and in no other event at all, with the keys
-- whose value a later event took away.
with image as materialized (
    select
        cell.name,
        b.id,
        b.kafka_key as record,
        event ->> 'op' = 'r' as is_read,
        nullif(event -> 'before' -> cell.name, 'null') is not null as was_there,
        nullif(event -> 'after' -> cell.name, 'null') is not null as is_there
    from {bronze} b
    cross join lateral (select bronze.cdc_event(b.cdc_payload) as event offset 0) as unwrapped
    cross join unnest(%(names)s::text[]) as cell (name)
    where b.kafka_topic = %(topic)s and event ->> 'op' in ('r', 'c', 'u', 'd')
),
suspect as (
    select name
    from image
    group by name
    having bool_or(is_read and is_there) and not bool_or(not is_read and (was_there or is_there))
),
lost as (
    select name, record, max(id) as id
    from image
    join suspect using (name)
    group by name, record
    having max(id) filter (where is_read and is_there) < max(id) filter (where not is_read)
)
select name, count(*), (array_agg(record order by id))[1:5]
from lost
group by name
order by name
