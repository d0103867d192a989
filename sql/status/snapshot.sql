-- Where the newest snapshot began, while its end is not here; no row where it is, or there is none.
select kafka_partition, kafka_offset
from (
    select
        b.kafka_partition,
        b.kafka_offset,
        bronze.cdc_snapshot_marker(b.cdc_payload) as marker
    from {bronze} b
    left join bronze.cdc_generation g using (kafka_topic, generation)
    where b.kafka_topic = %(topic)s
        and bronze.cdc_snapshot_marker(b.cdc_payload) in ('first', 'last')
    order by g.generation_no desc nulls last, b.kafka_timestamp desc, b.kafka_offset desc
    limit 1
) as newest
where marker = 'first'
