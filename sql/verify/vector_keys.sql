-- Keys of staging that have a text, against keys that have a vector of just that text. `young` are
-- the keys with a record that may still be on its way.
with young as materialized (
    select distinct {key} as key
    from (
        select
            recent.*,
            coalesce(
                coalesce(kafka_key -> 'payload', kafka_key),
                nullif(event -> 'after', 'null'),
                nullif(event -> 'before', 'null'),
                event
            ) as held
        from (
            select
                kafka_key,
                cdc_payload,
                key_schema_id,
                schema_id,
                case when jsonb_typeof(cdc_payload -> 'payload') = 'object'
                    then cdc_payload -> 'payload' else cdc_payload end as event
            from {bronze}
            where kafka_topic = %(topic)s
                and kafka_timestamp between %(now)s::timestamptz - %(max_lag)s * interval '1 second'
                and %(now)s::timestamptz + %(max_lag)s * interval '1 second'
        ) as recent
    ) as b
    {described}
),
-- The text that is embedded: the columns trimmed, those without a word left out, joined by '. '.
wanted as (
    select
        {id} as key,
        regexp_replace(
            btrim(concat_ws(E'\x1f', {texts}), E' \t\r\n\x1f'), '\s*\x1f[\s\x1f]*', '. ', 'g'
        ) as text
    from {staging}
),
pair as (
    select
        w.key as wanted_key,
        e.key as stored_key,
        e.key is not null
            and e.content_hash is distinct from sha256(convert_to(%(rule)s || w.text, 'UTF8'))
            as is_stale,
        coalesce(w.key, e.key) in (select key from young where key is not null) as is_young
    from (select * from wanted where text <> '') as w
    full join (
        select {id} as key, content_hash from {embeddings} where embedding is not null
    ) as e on e.key = w.key
)
select
    count(*) filter (where wanted_key is not null) as expected,
    count(*) filter (where stored_key is not null) as stored,
    count(*) filter (where wanted_key is not null and stored_key is not null and not is_stale)
        as current,
    count(*) filter (where stored_key is null and not is_young) as missing,
    count(*) filter (where wanted_key is null and not is_young) as orphans,
    count(*) filter (where wanted_key is not null and is_stale and not is_young) as stale,
    count(*) filter (where wanted_key is not null and is_young and (stored_key is null or is_stale))
        as arriving,
    count(*) filter (where wanted_key is null and is_young) as leaving,
    (array_agg(wanted_key) filter (where stored_key is null and not is_young))[1:100]
        as missing_keys,
    (array_agg(stored_key) filter (where wanted_key is null and not is_young))[1:100]
        as orphan_keys,
    (array_agg(wanted_key) filter (where wanted_key is not null and is_stale and not is_young))[1:100]
        as stale_keys
from pair
