-- Whether a generation holds the first record of a snapshot of its table.
select exists (
    select
    from {bronze}
    where kafka_topic = %(topic)s
        and generation = %(generation)s
        and coalesce(cdc_payload -> 'payload', cdc_payload) -> 'source' ->> 'snapshot'
            in ('first', 'first_in_data_collection')
)
