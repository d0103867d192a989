-- What a partition keeps whatever its age: its first record and its first change, by which readers
-- know where it began.
select
    (
        select kafka_offset from {table}
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s
        order by kafka_offset
        limit 1
    ),
    (
        select kafka_offset from {table}
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s and cdc_payload is not null
        order by kafka_offset
        limit 1
    )
