-- Offsets that a load has just put into bronze or the quarantine are pruned no more; how many they
-- were. Every set of the object's range is locked first, in one order for all loaders. `offsets` is
-- null for those of the copied batch.
with
    given as materialized (
        select coalesce(
            %(offsets)s::int8multirange,
            (
                select range_agg(int8range(kafka_offset, kafka_offset + 1))
                from pg_temp.bictl_batch
            )
        ) as offsets
    ),
    held as materialized (
        select id, offsets, n_rows
        from bictl.pruned_range
        where kafka_topic = %(topic)s and generation = %(generation)s
            and kafka_partition = %(partition)s
            and first_offset < %(next)s and next_offset > %(first)s
        order by id
        for update
    ),
    changed as (
        update bictl.pruned_range p
        set
            offsets = held.offsets - (select offsets from given),
            n_rows = bictl.offset_count(held.offsets - (select offsets from given))
        from held
        where p.id = held.id and held.offsets && (select offsets from given)
        returning held.n_rows - p.n_rows as restored
    )
select coalesce(sum(restored), 0)::bigint from changed
