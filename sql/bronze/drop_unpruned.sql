-- Sets of the object's range that a load has emptied.
delete from bictl.pruned_range
where kafka_topic = %(topic)s and generation = %(generation)s
    and kafka_partition = %(partition)s
    and first_offset < %(next)s and next_offset > %(first)s
    and n_rows = 0
