-- Of some places ("generation partition offset") those that stand in neither bronze nor quarantine.
select partition, at
from (
    select
        split_part(text, ' ', 1) as generation,
        split_part(text, ' ', 2)::integer as partition,
        split_part(text, ' ', 3)::bigint as at
    from unnest(%(places)s::text[]) as given (text)
) p
where not exists (
        select from {table} b
        where b.kafka_topic = %(topic)s and b.generation = p.generation
            and b.kafka_partition = p.partition and b.kafka_offset = p.at
    )
    and not exists (
        select from bronze.cdc_quarantine q
        where q.kafka_topic = %(topic)s and q.generation = p.generation
            and q.kafka_partition = p.partition and q.kafka_offset = p.at
    )
order by 1, 2
