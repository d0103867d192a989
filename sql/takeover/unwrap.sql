-- A script's way of writing JSON, made ours: a JSON null is what it wrote for a tombstone, a text
-- that holds an object is that object written twice.
update {table} set
    kafka_key = case
        when kafka_key = 'null' then null
        when jsonb_typeof(kafka_key) = 'string'
            and kafka_key #>> '{}' ~ '^\s*\{'
            and pg_input_is_valid(kafka_key #>> '{}', 'jsonb')
            then (kafka_key #>> '{}')::jsonb
        else kafka_key end,
    cdc_payload = case
        when cdc_payload = 'null' then null
        when jsonb_typeof(cdc_payload) = 'string'
            and cdc_payload #>> '{}' ~ '^\s*\{'
            and pg_input_is_valid(cdc_payload #>> '{}', 'jsonb')
            then (cdc_payload #>> '{}')::jsonb
        else cdc_payload end
where jsonb_typeof(kafka_key) in ('null', 'string') or jsonb_typeof(cdc_payload) in ('null', 'string')
