-- What the ledger knows of the objects that cover an offset, the newest load first.
select object_key, sha256, first_offset, next_offset, n_records, n_loaded, n_quarantined,
    n_duplicate, n_conflict, ingest_run, load_run, loaded_at
from bictl.object_ledger
where kafka_topic = %(topic)s
    and generation = %(generation)s
    and kafka_partition = %(partition)s
    and first_offset <= %(offset)s
    and next_offset > %(offset)s
order by loaded_at desc
limit 10
