-- Keys that exist, on both sides of one that does not; each step is a look into the key's index.
with recursive above as (
    select min(bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s)) as key, 1 as step
    from {bronze} b
    where bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s) > %(value)s
    union all
    select (
        select min(bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s))
        from {bronze} b
        where bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s) > above.key
    ), step + 1
    from above
    where above.key is not null and step < 3
),
below as (
    select max(bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s)) as key, 1 as step
    from {bronze} b
    where bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s) < %(value)s
    union all
    select (
        select max(bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s))
        from {bronze} b
        where bronze.cdc_key_integer(b.kafka_key, b.cdc_payload, %(column)s) < below.key
    ), step + 1
    from below
    where below.key is not null and step < 3
)
select key
from (select key from above union select key from below) as near
where key is not null
order by abs(key::bigint - %(value)s::bigint), key
