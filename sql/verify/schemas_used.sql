-- The schemas that bronze's rows name, with what the decoders are told about their columns; NULL for
-- one that is not there.
with used as (
    select distinct named.id
    from {bronze}
    cross join lateral (values (schema_id), (key_schema_id)) as named (id)
    where kafka_topic = %(topic)s and named.id is not null
)
select used.id, s.schema, s.fields
from used
left join bronze.cdc_schema s on s.id = used.id
order by used.id
