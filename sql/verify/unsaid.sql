-- Of the newest records, the values of columns that no schema describes, which the model's modes
-- decode: those that look as if they were written in another mode. `kinds`: a moment or a clock is a
-- count of too small a size (`limits`) in most, or all, of its values; digits are decimals written
-- out, of which those that are base64 as well are read as it; hex is hex in all of its values.
with newest as materialized (
    select id, kafka_key, cdc_payload, schema_id
    from {bronze}
    where kafka_topic = %(topic)s and cdc_payload is not null
    order by id desc
    limit 1000
),
opened as materialized (
    select id, kafka_key, schema_id, bronze.cdc_row(event, is_envelope) as row_data
    from (
        select id, kafka_key, schema_id, event, bronze.cdc_is_envelope(event) as is_envelope
        from (
            select id, kafka_key, schema_id, bronze.cdc_event(cdc_payload) as event from newest
            offset 0
        ) as unwrapped
        offset 0
    ) as shaped
),
told as (
    select
        given.name,
        given.kind,
        given.most,
        opened.id,
        opened.kafka_key,
        row_data ->> given.name as plain,
        abs(bronze.decode_bigint(row_data -> given.name)::numeric) as size
    from unnest(%(names)s::text[], %(kinds)s::text[], %(limits)s::numeric[])
        as given (name, kind, most)
    cross join opened
    left join bronze.cdc_schema s on s.id = opened.schema_id
    where jsonb_typeof(row_data -> given.name)
            = case when kind in ('digits', 'hex') then 'string' else 'number' end
        and case when kind = 'hex' then s.fields -> given.name ->> 'type' is distinct from 'bytes'
            else s.fields -> given.name is null end
        and row_data ->> given.name not in ('', '0')
)
select
    name,
    kind,
    count(*) filter (where kind <> 'digits' or plain ~ '^([0-9][0-9][0-9][0-9])+$') as count,
    (array_agg(kafka_key order by id desc)
        filter (where kind <> 'digits' or plain ~ '^([0-9][0-9][0-9][0-9])+$'))[1:3] as records,
    (array_agg(plain order by id desc)
        filter (where kind <> 'digits' or plain ~ '^([0-9][0-9][0-9][0-9])+$'))[1:3] as texts
from told
group by name, kind, most
having count(*) > 2 and case kind
    when 'moment' then percentile_disc(0.5) within group (order by size) < most
    when 'clock' then max(size) <= most
    when 'digits' then bool_and(plain ~ '^[-]?[0-9]+([.][0-9]+)?$')
        and bool_or(plain ~ '^([0-9][0-9][0-9][0-9])+$')
    else bool_and(plain ~ '^([0-9a-f][0-9a-f])+$') and sum(octet_length(plain)) > 24 end
order by name
