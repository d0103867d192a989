    -- what another run is at is left to it: nobody waits for anybody
    for update of b skip locked
),
removed as (
    delete from {table} b
    using leaving
    where b.id = leaving.id
    returning b.kafka_offset, leaving.bytes
),
recorded as (
    insert into bictl.pruned_range (
        kafka_topic, generation, kafka_partition, first_offset, next_offset,
        n_rows, offsets, cut_offset, verified_run, reason, run
    )
    select
        %(topic)s, %(generation)s, %(partition)s, %(first)s, %(next)s,
        count(*), range_agg(int8range(kafka_offset, kafka_offset + 1)),
        %(cut)s, %(verified_run)s, %(reason)s, %(run)s
    from removed
    having count(*) > 0
)
select count(*), coalesce(sum(bytes), 0)::bigint from removed
