-- The moved rows into the emptied table.
truncate {table};
insert into {table} ({others}, kafka_key, cdc_payload, key_schema_id, schema_id)
overriding system value
select {others}, kafka_key, cdc_payload, key_schema_id, schema_id from bictl_moved
