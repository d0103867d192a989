-- The columns of a bronze table that a table of the same name does not have.
select wanted.name
from unnest(array[
    'kafka_topic', 'generation', 'kafka_partition', 'kafka_offset', 'kafka_timestamp', 'kafka_key',
    'cdc_payload', 'schema_id', 'key_schema_id', 'ingested_at', 'batch_file'
]) with ordinality as wanted (name, position)
where not exists (
    select
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relname = %s and a.attname = wanted.name and not a.attisdropped
)
order by wanted.position
