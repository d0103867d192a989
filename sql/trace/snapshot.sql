-- The newest snapshot that has both its first and its last marker.
select
    coalesce(g.generation_no, 0) as generation_no,
    bronze.cdc_source(event, is_envelope, 'commit_lsn') as commit_lsn,
    bronze.decode_bigint_text(bronze.cdc_source(event, is_envelope, 'lsn')) as lsn
from {bronze} b
left join bronze.cdc_generation g using (kafka_topic, generation)
cross join lateral (select bronze.cdc_event(b.cdc_payload) as event offset 0) as unwrapped
cross join lateral (select bronze.cdc_is_envelope(event) as is_envelope offset 0) as shape
where b.kafka_topic = %(topic)s
    and bronze.cdc_snapshot_marker(b.cdc_payload) in ('first', 'last')
group by 1, 2, 3
having bool_or(bronze.cdc_snapshot_marker(b.cdc_payload) = 'first')
    and bool_or(bronze.cdc_snapshot_marker(b.cdc_payload) = 'last')
order by generation_no desc, (bronze.cdc_source(event, is_envelope, 'commit_lsn')) desc nulls last
limit 1
