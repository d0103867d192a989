-- Keys that exist, on both sides of one that does not; each step is a look into the key's index.
-- `key` are the key's columns in a row of bronze, `falling` the same from the last one down, `named`
-- with names; `wanted` the key's values, `above` and `below` those of the step before.
with recursive above as (
    (
        select {named}, 1 as step
        from {bronze} b
        where ({key}) > ({wanted})
        order by {key}
        limit 1
    )
    union all
    select next.*
    from above
    cross join lateral (
        select {named}, above.step + 1
        from {bronze} b
        where ({key}) > ({above})
        order by {key}
        limit 1
    ) as next
    where above.step < 3
),
below as (
    (
        select {named}, 1 as step
        from {bronze} b
        where ({key}) < ({wanted})
        order by {falling}
        limit 1
    )
    union all
    select next.*
    from below
    cross join lateral (
        select {named}, below.step + 1
        from {bronze} b
        where ({key}) < ({below})
        order by {falling}
        limit 1
    ) as next
    where below.step < 3
)
select {texts} from above
union
select {texts} from below
