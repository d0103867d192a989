-- Takes one object out of bronze, quarantine and ledger, so that it can be loaded again in the same
-- transaction. What overlapping objects have brought into its range stays theirs.
with
    others as materialized (
        select object_key from bictl.object_ledger
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s
            and first_offset < %(next)s and next_offset > %(first)s
            and object_key <> %(file)s
    ),
    rows as (
        delete from {table} b
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s
            and kafka_offset >= %(first)s and kafka_offset < %(next)s
            and not exists (select from others where object_key = b.batch_file)
    ),
    quarantined as (
        delete from bronze.cdc_quarantine q
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s
            and kafka_offset >= %(first)s and kafka_offset < %(next)s
            and not exists (select from others where object_key = q.batch_file)
    ),
    conflicts as (
        delete from bictl.offset_conflict where batch_file = %(file)s and kafka_topic = %(topic)s
    )
delete from bictl.object_ledger where object_key = %(file)s
