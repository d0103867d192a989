-- Takes the known inline schemas off the rows: each keeps {"payload": …} and the ids of its schemas,
-- as the rows do that bictl loads itself. A row whose schema is not known stays as it is.
update {table} b set
    (key_schema_id, kafka_key) = (
        select coalesce(s.id, b.key_schema_id),
            case when s.id is null then b.kafka_key else b.kafka_key - 'schema' end
        from (select) one
        left join bronze.cdc_schema s
            on b.kafka_key ? 'payload' and s.schema = b.kafka_key -> 'schema'
        order by s.id
        limit 1
    ),
    (schema_id, cdc_payload) = (
        select coalesce(s.id, b.schema_id),
            case when s.id is null then b.cdc_payload else b.cdc_payload - 'schema' end
        from (select) one
        left join bronze.cdc_schema s
            on b.cdc_payload ? 'payload' and s.schema = b.cdc_payload -> 'schema'
        order by s.id
        limit 1
    )
where b.kafka_key ? 'schema' or b.cdc_payload ? 'schema'
