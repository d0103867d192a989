-- The newest change of each key below the cut that tells the whole row (no tombstone, and no update
-- that lacks values, which readers take from the record before it), with its place in the source's
-- history.
-- A key is taken as Kafka has it, whole: what is alike here is alike to every reader. Left out are
-- keys that the models cannot read, and keys that another partition knows only by tombstones: those
-- stand by the clock, among all records of the key.
insert into {bictl_newest} (key, has_schema, kafka_offset, position)
select known.key, known.has_schema, known.kafka_offset, bronze.cdc_position(placed.event)
from (
    select
        kafka_key::text as key,
        key_schema_id is not null as has_schema,
        max(kafka_offset) filter (
            where jsonb_typeof(cdc_payload) = 'object'
                and coalesce(jsonb_typeof(cdc_payload -> 'payload') = 'object', true)
                and not bronze.cdc_is_partial(cdc_payload)
        ) as kafka_offset
    from {table}
    where kafka_topic = %(topic)s and generation = %(generation)s
        and kafka_partition = %(partition)s and kafka_offset < %(cut)s
        and kafka_key is not null
    group by 1, 2
    having count(*) > 1
) as known
join {table} b
    on b.kafka_topic = %(topic)s and b.generation = %(generation)s
    and b.kafka_partition = %(partition)s and b.kafka_offset = known.kafka_offset
cross join lateral (select bronze.cdc_event(b.cdc_payload) as event offset 0) as placed
where not exists (
        select from unnest(%(key)s::text[]) as given (name)
        where coalesce(
            jsonb_typeof(bronze.cdc_key(known.key::jsonb, null::jsonb, given.name)), 'null'
        ) not in ('number', 'string')
    )
    and (known.key, known.has_schema) not in (
        select kafka_key::text, key_schema_id is not null
        from {table}
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition <> %(partition)s and kafka_key is not null
        group by kafka_partition, 1, 2
        having bool_and(
            cdc_payload is null
            or jsonb_typeof(cdc_payload) <> 'object'
            or coalesce(jsonb_typeof(cdc_payload -> 'payload') <> 'object', false)
        )
    )
