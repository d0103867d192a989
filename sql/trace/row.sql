-- The row of bronze at one offset.
select b.id, b.kafka_timestamp, b.kafka_key::text as key, b.cdc_payload::text as payload,
    b.ingested_at, b.batch_file
from {bronze} b
where b.kafka_topic = %(topic)s
    and b.generation = %(generation)s
    and b.kafka_partition = %(partition)s
    and b.kafka_offset = %(offset)s
