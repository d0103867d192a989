-- The newest first or last marker of a snapshot, of each source table in a topic's newest generation
-- that has one; beside a last one where its snapshot began (NULL: not in bronze), and whether it closes
-- nothing for want of that although there is something older; beside a first one what has been loaded
-- since; between the two what is in quarantine and, where there is something older, how many
-- offsets no loaded object holds.
with recursive marker as materialized (
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
),
place as (
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
        select l.generation, l.kafka_partition
        from {bronze} l
        where l.kafka_topic = %(topic)s
            and (l.generation, l.kafka_partition) > (place.generation, place.kafka_partition)
        order by l.generation, l.kafka_partition
        limit 1
    ) as next
),
{unloaded},
-- The first record of each partition, and the one right before an end: what they are part of.
seen as (
    select
        r.*,
        coalesce(bronze.cdc_source(event, is_envelope, 'snapshot'), 'false') = 'false' as streamed,
        coalesce(bronze.cdc_position(event), '') as position
    from (
        select oldest.*, 'oldest' as kind
        from place
        cross join lateral (
            select l.generation, l.kafka_partition, l.kafka_offset, l.kafka_timestamp, l.cdc_payload
            from {bronze} l
            where l.kafka_topic = %(topic)s
                and l.generation = place.generation
                and l.kafka_partition = place.kafka_partition
            order by l.kafka_offset
            limit 1
        ) as oldest
        union all
        select l.generation, l.kafka_partition, l.kafka_offset, l.kafka_timestamp, l.cdc_payload,
            'before'
        from newest
        join {bronze} l
            on l.kafka_topic = %(topic)s
            and l.generation = newest.generation
            and l.kafka_partition = newest.kafka_partition
            and l.kafka_offset = newest.kafka_offset - 1
    ) as r
    cross join lateral (select bronze.cdc_event(r.cdc_payload) as event offset 0) as unwrapped
    cross join lateral (select bronze.cdc_is_envelope(event) as is_envelope offset 0) as shape
)
select
    newest.source_table,
    newest.begins,
    newest.generation,
    newest.kafka_partition as partition,
    newest.kafka_offset as offset,
    began.kafka_partition as first_partition,
    began.kafka_offset as first_offset,
    not newest.begins
        and began.kafka_offset is null
        and exists (
            select from seen
            where kind = 'oldest'
                and (generation <> newest.generation
                    or kafka_timestamp < newest.kafka_timestamp
                    and (streamed or position <> newest.position))
        )
        -- the only row of a table has no first marker
        and not (
            (select count(*) from place where generation = newest.generation) = 1
            and exists (
                select from seen
                where kind = 'before' and generation = newest.generation
                    and kafka_offset = newest.kafka_offset - 1
                    and (streamed or position <> newest.position)
                union all
                select where newest.kafka_offset = 0
            )
        ) as is_headless,
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
    ) end as quarantined,
    case when newest.begins or began.kafka_offset is null then 0 else (
        select coalesce(sum(upper(hole) - lower(hole)), 0)::bigint
        from unloaded u
        where u.generation = newest.generation
            and exists (
                select from seen
                where kind = 'oldest'
                    and (generation <> newest.generation
                        or kafka_timestamp < began.kafka_timestamp)
            )
            and case when u.kafka_partition = began.kafka_partition
                then upper(hole) > began.kafka_offset
                else coalesce(until, 'infinity') >= began.kafka_timestamp end
            and case when u.kafka_partition = newest.kafka_partition
                then lower(hole) < newest.kafka_offset
                else coalesce(since, '-infinity') <= newest.kafka_timestamp end
    ) end as unloaded
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
