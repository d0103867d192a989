-- A record that was refused once more, with the reason of today.
update bronze.cdc_quarantine
set sqlstate = %(sqlstate)s, reason = %(reason)s
where kafka_topic = %(topic)s
    and generation = %(generation)s
    and kafka_partition = %(partition)s
    and kafka_offset = %(offset)s
