-- Where the rows stand that name one of these schemas, as unbroken runs: partition, first, next.
with wrong as (
    select
        generation,
        kafka_partition,
        kafka_offset,
        kafka_offset - row_number() over (
            partition by generation, kafka_partition order by kafka_offset
        ) as run
    from {bronze}
    where kafka_topic = %(topic)s
        and (schema_id = any(%(wrong)s) or key_schema_id = any(%(wrong)s))
)
select kafka_partition, min(kafka_offset), max(kafka_offset) + 1
from wrong
group by generation, kafka_partition, run
order by kafka_partition, min(kafka_offset)
