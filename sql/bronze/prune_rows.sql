-- The rows of one window that may go: each has a newer change of its key behind it, which stands in
-- bronze now and is no earlier in the source's history. Markers of a snapshot stay, with the row
-- right before its end, and so does the row that was loaded last.
with leaving as materialized (
    select
        b.id,
        b.kafka_offset,
        pg_column_size(b.kafka_key) + coalesce(pg_column_size(b.cdc_payload), 0) as bytes
    from {table} b
    join {bictl_newest} newest
        on newest.key = b.kafka_key::text
        and newest.has_schema = (b.key_schema_id is not null)
        and newest.kafka_offset > b.kafka_offset
    cross join lateral (select bronze.cdc_event(b.cdc_payload) as event offset 0) as unwrapped
    cross join lateral (
        select bronze.cdc_position(unwrapped.event) collate "C" as position offset 0
    ) as placed
    where b.kafka_topic = %(topic)s and b.generation = %(generation)s
        and b.kafka_partition = %(partition)s
        and b.kafka_offset >= %(first)s and b.kafka_offset < %(next)s
        and b.kafka_offset <> all (%(kept)s::bigint[])
        and b.kafka_timestamp < %(before)s::timestamptz
        and b.id < (select max(id) from {table})
        and bronze.cdc_snapshot_marker(b.cdc_payload) is null
        and not exists (
            select from {table} as after
            where after.kafka_topic = b.kafka_topic
                and after.generation = b.generation
                and after.kafka_partition = b.kafka_partition
                and after.kafka_offset = b.kafka_offset + 1
                and bronze.cdc_snapshot_marker(after.cdc_payload) = 'last'
        )
        and (placed.position is null or placed.position <= newest.position)
        and exists (
            select from {table} as standing
            where standing.kafka_topic = b.kafka_topic
                and standing.generation = b.generation
                and standing.kafka_partition = b.kafka_partition
                and standing.kafka_offset = newest.kafka_offset
                and standing.kafka_key::text = newest.key
                and standing.cdc_payload is not null
        )
    order by b.kafka_offset
