-- Other contents that objects claimed for one offset.
select batch_file, standing_file, noticed_at
from bictl.offset_conflict
where kafka_topic = %(topic)s
    and generation = %(generation)s
    and kafka_partition = %(partition)s
    and kafka_offset = %(offset)s
order by noticed_at
