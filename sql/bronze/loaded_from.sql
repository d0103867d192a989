-- What an object held when it was last loaded: partition, first, next, records, when.
select kafka_partition, first_offset, next_offset, n_records, loaded_at at time zone 'UTC'
from bictl.object_ledger
where object_key = %s
order by loaded_at desc
limit 1
