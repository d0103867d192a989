-- Of pruned records, given with their keys, those whose key has no later change in bronze, looked up
-- one by one by the key's index; and, told apart, those whose key it does not hold: `given` are the
-- key's columns by the index's functions, `known` says that each is there, `same` compares them with
-- a row's. The inner select keeps the planner from reading all of bronze for each statement.
select kafka_offset, not ({known})
from (
    select kafka_offset, key, {given}
    from (
        select kafka_offset, case when pg_input_is_valid(text, 'jsonb') then text::jsonb end as key
        from unnest(%(offsets)s::bigint[], %(keys)s::text[]) as listed (kafka_offset, text)
        offset 0
    ) as read
    offset 0
) as given
where not ({known}) or not (
    select exists (
        select from {bronze} b
        where {same}
            and b.kafka_offset > given.kafka_offset
            and b.kafka_topic = %(topic)s
            and b.generation = %(generation)s
            and b.kafka_partition = %(partition)s
            and b.kafka_key = given.key
            and b.cdc_payload is not null
    )
)
