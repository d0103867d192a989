-- The unique keys of a table on topic, partition and offset alone: the name of each constraint, or
-- of each index that is none.
select i.indexrelid::regclass::text, c.conname::text
from pg_index i
left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('u', 'p')
where i.indrelid = to_regclass(%(table)s) and i.indisunique and not i.indisprimary
    and array(
        select a.attname::text
        from unnest(i.indkey[0:i.indnkeyatts - 1]) as k (attnum)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
        order by 1
    ) = array['kafka_offset', 'kafka_partition', 'kafka_topic']
