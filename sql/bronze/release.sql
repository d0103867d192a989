-- What has loaded now leaves the quarantine; what it held there, and the newest sha256 of its object.
delete from bronze.cdc_quarantine q
using pg_temp.bictl_batch c
where q.kafka_topic = %(topic)s
    and q.generation = %(generation)s
    and q.kafka_partition = %(partition)s
    and q.kafka_offset = c.kafka_offset
returning
    q.kafka_offset, q.raw_key, q.raw_value, q.kafka_timestamp::text, q.batch_file,
    coalesce((
        select l.sha256 from bictl.object_ledger l
        where l.object_key = q.batch_file
        order by l.loaded_at desc
        limit 1
    ), '')
