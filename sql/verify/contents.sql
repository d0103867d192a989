-- Records as an object holds them, beside bronze's rows at their offsets: how many rows there are,
-- the offsets that differ, and those of records with one name twice in an object, of which jsonb has
-- kept the last. A text that jsonb refuses differs from whatever stands there; schemas are named by
-- their sha256.
select count(*), array_agg(given.kafka_offset order by given.kafka_offset) filter (
    where b.kafka_timestamp <> timestamptz 'epoch'
            + (given.milliseconds / 86400000) * interval '1 day'
            + (given.milliseconds %% 86400000) * interval '1 millisecond'
        or encode(k.sha256, 'hex') is distinct from given.key_schema
        or encode(v.sha256, 'hex') is distinct from given.schema
        or not coalesce(pg_input_is_valid(given.key, 'jsonb'), true)
        or not coalesce(pg_input_is_valid(given.value, 'jsonb'), true)
        or case when pg_input_is_valid(given.key, 'jsonb') then given.key::jsonb end
            is distinct from b.kafka_key
        or case when pg_input_is_valid(given.value, 'jsonb') then given.value::jsonb end
            is distinct from b.cdc_payload
),
array_agg(given.kafka_offset order by given.kafka_offset) filter (
    where not coalesce(given.key is json with unique keys, true)
        or not coalesce(given.value is json with unique keys, true)
)
from unnest(
    %(offsets)s::bigint[], %(milliseconds)s::bigint[], %(keys)s::text[], %(values)s::text[],
    %(key_schemas)s::text[], %(schemas)s::text[]
) as given (kafka_offset, milliseconds, key, value, key_schema, schema)
join {bronze} b
    on b.kafka_topic = %(topic)s
    and b.generation = %(generation)s
    and b.kafka_partition = %(partition)s
    and b.kafka_offset = given.kafka_offset
left join bronze.cdc_schema k on k.id = b.key_schema_id
left join bronze.cdc_schema v on v.id = b.schema_id
