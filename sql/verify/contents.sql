-- Records as an object holds them, beside bronze's rows at their offsets: how many rows there are,
-- the offsets that differ, and those of records with one name twice in an object, of which jsonb has
-- kept the last. A text that jsonb refuses differs from whatever stands there; schemas are named by
-- their sha256. What looks different is compared whole: its schema may be apart in one of the two.
with known as materialized (
    select sha256, case when pg_input_is_valid(text, 'jsonb') then text::jsonb end as schema
    from unnest(%(hashes)s::text[], %(texts)s::text[]) as listed (sha256, text)
)
select count(*), array_agg(given.kafka_offset order by given.kafka_offset) filter (
    where b.kafka_timestamp <> timestamptz 'epoch'
            + (given.milliseconds / 86400000) * interval '1 day'
            + (given.milliseconds %% 86400000) * interval '1 millisecond'
        or given.key is not null and read.key is null
        or given.value is not null and read.value is null
        or case
            when encode(k.sha256, 'hex') is distinct from given.key_schema
                or read.key is distinct from b.kafka_key
                then case when given.key_schema is null then read.key
                        else jsonb_build_object('schema', gk.schema) || read.key end
                    is distinct from case when k.id is null then b.kafka_key
                        else jsonb_build_object('schema', k.schema) || b.kafka_key end
        end
        or case
            when encode(v.sha256, 'hex') is distinct from given.schema
                or read.value is distinct from b.cdc_payload
                then case when given.schema is null then read.value
                        else jsonb_build_object('schema', gv.schema) || read.value end
                    is distinct from case when v.id is null then b.cdc_payload
                        else jsonb_build_object('schema', v.schema) || b.cdc_payload end
        end
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
left join known gk on gk.sha256 = given.key_schema
left join known gv on gv.sha256 = given.schema
cross join lateral (
    select
        case when pg_input_is_valid(given.key, 'jsonb') then given.key::jsonb end as key,
        case when pg_input_is_valid(given.value, 'jsonb') then given.value::jsonb end as value
    offset 0
) as read
