-- What the newest record of the topic that has a row says of its columns: its inline schema, NULL
-- without one, and the names of its fields. The first of each partition's newest records by the
-- clock: while a table changes, an older schema may still be the last one of a quiet partition.
with recursive place as (
    (
        select generation, kafka_partition
        from {bronze}
        where kafka_topic = %(topic)s
        order by generation, kafka_partition
        limit 1
    )
    union all
    select next.generation, next.kafka_partition
    from place
    cross join lateral (
        select b.generation, b.kafka_partition
        from {bronze} as b
        where
            b.kafka_topic = %(topic)s
            and (b.generation, b.kafka_partition) > (place.generation, place.kafka_partition)
        order by b.generation, b.kafka_partition
        limit 1
    ) as next
),

newest as (
    select record.cdc_payload, record.schema_id, record.kafka_timestamp, g.generation_no
    from place
    left join bronze.cdc_generation as g
        on g.kafka_topic = %(topic)s and g.generation = place.generation
    cross join lateral (
        select b.cdc_payload, b.schema_id, b.kafka_timestamp
        from {bronze} as b
        where
            b.kafka_topic = %(topic)s
            and b.generation = place.generation
            and b.kafka_partition = place.kafka_partition
            and bronze.cdc_event(b.cdc_payload) is not null
        order by b.kafka_offset desc
        limit 1
    ) as record
),

opened as (
    select
        schema_id,
        case
            when not bronze.cdc_is_envelope(bronze.cdc_event(cdc_payload))
                then bronze.cdc_event(cdc_payload)
            when jsonb_typeof(bronze.cdc_event(cdc_payload) -> 'after') = 'object'
                then bronze.cdc_event(cdc_payload) -> 'after'
            else bronze.cdc_event(cdc_payload) -> 'before'
        end as row
    from newest
    order by coalesce(generation_no, 0) desc, kafka_timestamp desc
    limit 1
)

select
    s.schema,
    array(select jsonb_object_keys(case jsonb_typeof(row) when 'object' then row end)) as fields
from opened
left join bronze.cdc_schema as s on s.id = opened.schema_id
