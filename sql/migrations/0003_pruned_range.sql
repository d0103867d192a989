-- What `bictl prune` has taken out of bronze: the exact offsets, so that a row which is missing and
-- stands in no such set is as much a loss as it was before.

-- How many offsets a set holds.
create function bictl.offset_count(offsets int8multirange) returns bigint
language sql immutable parallel safe as $$
    select coalesce(sum(upper(run) - lower(run)), 0)::bigint from unnest(offsets) as run
$$;

-- One row a window and run. `n_rows` counts the rows that were deleted in the same transaction and
-- `offsets` names them: where the two do not agree, neither can be committed. What a later load
-- brings back leaves the set again; `first_offset` and `next_offset` stay those of the window.
create table bictl.pruned_range (
    id bigint generated always as identity primary key,
    kafka_topic text not null,
    generation text not null,
    kafka_partition integer not null,
    first_offset bigint not null,
    next_offset bigint not null,
    n_rows bigint not null,
    offsets int8multirange not null,
    cut_offset bigint not null, -- the frontier of the verdict that this rests on
    verified_run uuid not null, -- and that verdict's run
    reason text not null, -- what was asked for: before an instant, or below an offset
    run text not null,
    pruned_at timestamptz not null default now(),
    constraint a_window_is_small check (next_offset - first_offset between 1 and 100000),
    constraint only_below_the_verified_cut check (next_offset <= cut_offset),
    constraint every_offset_is_in_the_window
        check (offsets <@ int8multirange(int8range(first_offset, next_offset))),
    constraint every_row_is_named check (n_rows = bictl.offset_count(offsets))
);

create index pruned_range_place
    on bictl.pruned_range (kafka_topic, generation, kafka_partition, first_offset);
