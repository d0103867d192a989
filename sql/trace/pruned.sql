-- The prune that took a row out of bronze.
select first_offset, next_offset, run, reason, pruned_at
from bictl.pruned_range
where kafka_topic = %(topic)s
    and generation = %(generation)s
    and kafka_partition = %(partition)s
    and first_offset <= %(offset)s
    and offsets @> %(offset)s::bigint
order by pruned_at desc
limit 1
