-- Rows of bronze as the events of a key: what orders them, and what a person wants to see.
select
    b.generation,
    coalesce(g.generation_no, 0) as generation_no,
    b.kafka_partition,
    b.kafka_offset,
    b.kafka_timestamp,
    b.ingested_at,
    case when event is null then 'tombstone' else bronze.cdc_operation(event, is_envelope) end
        as op,
    bronze.decode_bigint_text(bronze.cdc_source(event, is_envelope, 'ts_ms')) as source_ms,
    bronze.cdc_source(event, is_envelope, 'commit_lsn') as commit_lsn,
    bronze.cdc_source(event, is_envelope, 'change_lsn') as change_lsn,
    bronze.decode_bigint_text(bronze.cdc_source(event, is_envelope, 'lsn')) as lsn,
    coalesce(bronze.cdc_source(event, is_envelope, 'snapshot'), 'false') as snapshot,
    concat_ws('.', bronze.cdc_source(event, is_envelope, 'db'),
        bronze.cdc_source(event, is_envelope, 'schema'),
        bronze.cdc_source(event, is_envelope, 'table')) as source_table
from {bronze} b
left join bronze.cdc_generation g using (kafka_topic, generation)
cross join lateral (
    select nullif(bronze.cdc_event(b.cdc_payload), 'null') as event offset 0
) as unwrapped
cross join lateral (
    select coalesce(bronze.cdc_is_envelope(event), false) as is_envelope offset 0
) as shape
where b.id = any(%(ids)s)
