-- What stands in bronze is pruned no more, whatever the sets say. A replay may not meet it: its object
-- may have expired.
update bictl.pruned_range p
set
    offsets = p.offsets - standing.offsets,
    n_rows = bictl.offset_count(p.offsets - standing.offsets)
from (
    select
        s.id,
        range_agg(int8range(b.kafka_offset, b.kafka_offset + 1)) as offsets
    from bictl.pruned_range s
    join {table} b
        on b.kafka_topic = s.kafka_topic and b.generation = s.generation
        and b.kafka_partition = s.kafka_partition
        and b.kafka_offset >= s.first_offset and b.kafka_offset < s.next_offset
        and b.kafka_offset <@ s.offsets
    where s.kafka_topic = %(topic)s
    group by s.id
) as standing
where p.id = standing.id
