-- The newest rows of one key in each partition, by its index where {function} is the one that the
-- index holds; how many there are at all. `names` and `texts` are the key's other columns.
select id, total
from (
    select
        b.id,
        count(*) over () as total,
        row_number() over (
            partition by b.generation, b.kafka_partition order by b.kafka_offset desc
        ) as place
    from {bronze} b
    where bronze.{function}(b.kafka_key, b.cdc_payload, %(column)s) = %(value)s
        and b.kafka_topic = %(topic)s
        and not exists (
            select from unnest(%(names)s::text[], %(texts)s::text[]) as part (name, text)
            where bronze.cdc_key_text(b.kafka_key, b.cdc_payload, part.name)
                is distinct from part.text
        )
) as found
where place <= %(most)s
