-- Where the newest finished snapshot of each source table began: a key whose newest record was
-- written before that was not there any more. The rule is that of the staging models (cdc_closed).
with marker as materialized (
    select
        b.id,
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
hole as (
    select *
    from (
        select
            generation,
            kafka_partition,
            first_offset as to_offset,
            coalesce(max(next_offset) over earlier, 0) as from_offset,
            max(max_timestamp) over earlier as from_timestamp,
            min(min_timestamp) over later as to_timestamp
        from bictl.object_ledger
        where kafka_topic = %(topic)s
        window
            place as (
                partition by generation, kafka_partition order by first_offset, next_offset
            ),
            earlier as (place rows between unbounded preceding and 1 preceding),
            later as (place rows between current row and unbounded following)
    ) as step
    where to_offset > from_offset
)
select distinct on (ended.source_table)
    ended.source_table,
    ended.generation_no,
    ended.generation,
    ended.position,
    began.kafka_partition as partition,
    began.kafka_offset as offset,
    began.kafka_timestamp as timestamp
from marker ended
-- the record right before it, if that may be of the same snapshot
left join lateral (
    select 1 as found
    from {bronze} b
    cross join lateral (select bronze.cdc_event(b.cdc_payload) as event offset 0) as unwrapped
    where b.kafka_topic = %(topic)s
        and b.generation = ended.generation
        and b.kafka_partition = ended.kafka_partition
        and b.kafka_offset = ended.kafka_offset - 1
        and (
            coalesce(bronze.cdc_source(event, bronze.cdc_is_envelope(event), 'snapshot'), 'false')
                = 'false'
            or coalesce(bronze.cdc_position(event), '') <> ended.position
        )
) as other on true
join lateral (
    select kafka_partition, kafka_offset, kafka_timestamp
    from marker
    where (begins or id = ended.id and (other.found = 1 or kafka_offset = 0) and not exists (
            select from {bronze} b
            where b.kafka_topic = %(topic)s
                and b.generation = ended.generation
                and b.kafka_partition <> ended.kafka_partition
        ))
        and (generation, source_table, position)
            = (ended.generation, ended.source_table, ended.position)
        and case when kafka_partition = ended.kafka_partition
            then kafka_offset <= ended.kafka_offset
            else kafka_timestamp <= ended.kafka_timestamp end
    order by kafka_timestamp desc, kafka_offset desc
    limit 1
) as began on true
where not ended.begins
    and not exists (
        select from bronze.cdc_quarantine q
        where q.kafka_topic = %(topic)s
            and q.generation = ended.generation
            and case when q.kafka_partition = began.kafka_partition
                then q.kafka_offset > began.kafka_offset
                else q.kafka_timestamp >= began.kafka_timestamp end
            and case when q.kafka_partition = ended.kafka_partition
                then q.kafka_offset < ended.kafka_offset
                else q.kafka_timestamp <= ended.kafka_timestamp end
    )
    and not exists (
        select from hole
        where hole.generation = ended.generation
            and case when hole.kafka_partition = began.kafka_partition
                then hole.to_offset > began.kafka_offset
                else coalesce(hole.to_timestamp >= began.kafka_timestamp, true) end
            and case when hole.kafka_partition = ended.kafka_partition
                then hole.from_offset < ended.kafka_offset
                else coalesce(hole.from_timestamp <= ended.kafka_timestamp, true) end
    )
order by
    ended.source_table,
    ended.generation_no desc,
    ended.kafka_timestamp desc,
    ended.kafka_offset desc
