-- Whether no other object of the ledger reaches into the object's range.
select not exists (
    select from bictl.object_ledger
    where kafka_topic = %(topic)s and generation = %(generation)s
        and kafka_partition = %(partition)s
        and first_offset < %(next)s and next_offset > %(first)s
        and object_key <> %(file)s
)
