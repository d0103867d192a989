-- The same for keys that the index does not hold: bronze is read once a statement.
select given.kafka_offset
from (
    select kafka_offset, case when pg_input_is_valid(text, 'jsonb') then text::jsonb end as key
    from unnest(%(offsets)s::bigint[], %(keys)s::text[]) as listed (kafka_offset, text)
    offset 0
) as given
where not exists (
    select from {bronze} b
    where b.kafka_key = given.key
        and b.kafka_offset > given.kafka_offset
        and b.kafka_topic = %(topic)s
        and b.generation = %(generation)s
        and b.kafka_partition = %(partition)s
        and b.cdc_payload is not null
)
