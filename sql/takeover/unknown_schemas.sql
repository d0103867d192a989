-- Some of the inline schemas that bronze.cdc_schema does not hold yet: those of the first rows that
-- are found to have one.
select distinct unknown.schema::text
from (
    select part.schema
    from {table} b
    cross join lateral (values
        (case when b.cdc_payload ? 'payload' then b.cdc_payload -> 'schema' end),
        (case when b.kafka_key ? 'payload' then b.kafka_key -> 'schema' end)
    ) as part (schema)
    where jsonb_typeof(part.schema) = 'object'
        and not exists (select from bronze.cdc_schema s where s.schema = part.schema)
    limit 500
) as unknown
