-- The newest first or last marker of a snapshot, of each source table in a topic's newest generation
-- that has one; beside a last one where its snapshot began (NULL: not in bronze), beside a first one
-- what has been loaded since.
with marker as materialized (
    select
        coalesce(g.generation_no, 0) as generation_no,
        b.generation,
        b.kafka_partition,
        b.kafka_offset,
        b.kafka_timestamp,
        bronze.cdc_snapshot_marker(b.cdc_payload) = 'first' as begins,
        coalesce(bronze.cdc_position(event), '') as position,
        concat_ws('.', bronze.cdc_source(event, is_envelope, 'db'),
            bronze.cdc_source(event, is_envelope, 'schema'),
            bronze.cdc_source(event, is_envelope, 'table')) as source_table
    from {bronze} b
    left join bronze.cdc_generation g using (kafka_topic, generation)
    cross join lateral (select bronze.cdc_event(b.cdc_payload) as event offset 0) as unwrapped
    cross join lateral (select bronze.cdc_is_envelope(event) as is_envelope offset 0) as shape
    where b.kafka_topic = %(topic)s
        and bronze.cdc_snapshot_marker(b.cdc_payload) in ('first', 'last')
),
newest as (
    select distinct on (source_table) *
    from marker
    where generation_no = (select max(generation_no) from marker)
    order by source_table, kafka_timestamp desc, kafka_offset desc
)
select
    newest.source_table,
    newest.begins,
    newest.generation,
    newest.kafka_partition as partition,
    newest.kafka_offset as offset,
    began.kafka_partition as first_partition,
    began.kafka_offset as first_offset,
    -- what was loaded last in the generation
    (
        select max(b.kafka_timestamp)
        from (select distinct kafka_partition from marker where generation = newest.generation) p
        cross join lateral (
            select kafka_timestamp
            from {bronze} l
            where l.kafka_topic = %(topic)s
                and l.generation = newest.generation
                and l.kafka_partition = p.kafka_partition
            order by kafka_offset desc
            limit 1
        ) as b
    ) as newest_at,
    case when newest.begins then (
        select count(*)
        from {bronze} b
        where b.kafka_topic = %(topic)s
            and b.generation = newest.generation
            and case when b.kafka_partition = newest.kafka_partition
                then b.kafka_offset >= newest.kafka_offset
                else b.kafka_timestamp >= newest.kafka_timestamp end
            and bronze.cdc_source(
                bronze.cdc_event(b.cdc_payload),
                bronze.cdc_is_envelope(bronze.cdc_event(b.cdc_payload)), 'snapshot') <> 'false'
    ) else 0 end as rows_so_far,
    case when newest.begins or began.kafka_offset is null then 0 else (
        select count(*)
        from bronze.cdc_quarantine q
        where q.kafka_topic = %(topic)s
            and q.generation = newest.generation
            and case when q.kafka_partition = began.kafka_partition
                then q.kafka_offset > began.kafka_offset
                else q.kafka_timestamp >= began.kafka_timestamp end
            and case when q.kafka_partition = newest.kafka_partition
                then q.kafka_offset < newest.kafka_offset
                else q.kafka_timestamp <= newest.kafka_timestamp end
    ) end as quarantined
from newest
left join lateral (
    select kafka_partition, kafka_offset, kafka_timestamp
    from marker m
    where not newest.begins
        and m.begins
        and (m.generation, m.source_table, m.position)
            = (newest.generation, newest.source_table, newest.position)
        and case when m.kafka_partition = newest.kafka_partition
            then m.kafka_offset < newest.kafka_offset
            else m.kafka_timestamp <= newest.kafka_timestamp end
    order by kafka_timestamp desc, kafka_offset desc
    limit 1
) as began on true
order by newest.source_table
