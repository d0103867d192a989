-- Takes one object out of bronze, quarantine and ledger, so that it can be loaded again in the same
-- transaction. Rows that objects in `keep` have brought into its range stay.
with
    rows as (
        delete from {table}
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s
            and kafka_offset >= %(first)s and kafka_offset < %(next)s
            and not batch_file = any (%(keep)s)
    ),
    quarantined as (
        delete from bronze.cdc_quarantine
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s
            and kafka_offset >= %(first)s and kafka_offset < %(next)s
            and not batch_file = any (%(keep)s)
    ),
    conflicts as (
        delete from bictl.offset_conflict where batch_file = %(file)s and kafka_topic = %(topic)s
    )
delete from bictl.object_ledger where object_key = %(file)s
