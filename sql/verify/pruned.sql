-- What prune says it has taken out of bronze: generation, partition, first, next, range by range.
select generation, kafka_partition, lower(gone), upper(gone)
from bictl.pruned_range
cross join unnest(offsets) as gone
where kafka_topic = %(topic)s
order by generation, kafka_partition, lower(gone)
