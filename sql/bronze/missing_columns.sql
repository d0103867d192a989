-- The columns of a bronze table that a table of the same name does not have.
select wanted.name
from unnest(array[
    'kafka_topic', 'generation', 'kafka_partition', 'kafka_offset', 'kafka_timestamp', 'kafka_key',
    'cdc_payload', 'schema_id', 'key_schema_id', 'ingested_at', 'batch_file'
]) as wanted (name)
where not exists (
    select from pg_attribute a
    where a.attrelid = to_regclass(%s) and a.attname = wanted.name and not a.attisdropped
)
