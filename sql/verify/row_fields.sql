-- The fields of the newest rows, as the source names them.
select distinct jsonb_object_keys(row_data)
from (
    select
        case when event ? 'op' and event ? 'source' then event -> 'after' else event end as row_data
    from (
        select case when jsonb_typeof(cdc_payload -> 'payload') = 'object'
            then cdc_payload -> 'payload' else cdc_payload end as event
        from {bronze}
        where kafka_topic = %(topic)s and cdc_payload is not null
        order by id desc
        limit 1000
    ) as newest
) as opened
where jsonb_typeof(row_data) = 'object'
