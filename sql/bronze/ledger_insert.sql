insert into bictl.object_ledger (
    object_key, sha256, etag, size, kafka_topic, generation, kafka_partition,
    first_offset, next_offset, n_records, n_tombstones, min_timestamp, max_timestamp,
    n_loaded, n_quarantined, n_duplicate, n_conflict, ingest_run, load_run, sealed_at
)
values (
    %(file)s, %(sha256)s, %(etag)s, %(size)s, %(topic)s, %(generation)s, %(partition)s,
    %(first)s, %(next)s, %(records)s, %(tombstones)s,
    %(min_instant)s::timestamptz, %(max_instant)s::timestamptz,
    %(loaded)s, %(quarantined)s, %(duplicates)s, %(conflicts)s, %(ingest_run)s, %(load_run)s, %(sealed)s
)
