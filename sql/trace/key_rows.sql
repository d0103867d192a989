-- The newest rows of one key in each partition, by its index where `same` compares what the index
-- holds; how many there are at all.
select id, total
from (
    select
        b.id,
        count(*) over () as total,
        row_number() over (
            partition by b.generation, b.kafka_partition order by b.kafka_offset desc
        ) as place
    from {bronze} b
    {described}
    where {same}
        and b.kafka_topic = %(topic)s
) as found
where place <= %(most)s
