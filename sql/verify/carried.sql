-- Every value of the columns whose values may differ on the wire from those at the source, with what
-- kind of difference that is and whether the value shows it. A query follows that reads from
-- `carried`: id, name, kind, value, record, found, streamed, fine.
--
-- The interned schemas, of whichever table, say which columns these are; no other record is opened.
-- Records without a schema say nothing about their columns.
with judged_schema as materialized (
    select
        s.id,
        field.name,
        field.described -> 'default' as default_value,
        kind.name as kind,
        -- digits below this are lost in streaming
        case field.described ->> 'name'
            when 'io.debezium.time.MicroTime' then 1000
            when 'io.debezium.time.NanoTime' then 1000000
        end as millisecond
    from bronze.cdc_schema s
    cross join lateral jsonb_each(s.fields) as field (name, described)
    cross join lateral (
        select 'wrapped' as name
        where field.described ->> 'name' = 'io.debezium.time.NanoTimestamp'
        union all
        select 'rounded'
        where field.described ->> 'name'
            in ('io.debezium.time.MicroTime', 'io.debezium.time.NanoTime')
        union all
        select 'late'
        where field.described ->> 'name' = 'io.debezium.time.ZonedTimestamp'
        union all
        select 'default'
        where field.described ? 'default' and field.described -> 'optional' = 'true'
    ) as kind
    where
        -- the envelope names its connector; a flat row's schema does not
        kind.name = 'default' or not jsonb_path_exists(
            s.schema,
            '$.fields[*] ? (@.field == "source" && !(@.name like_regex "sqlserver"))'
        )
),
carried as (
    select
        b.id,
        w.name,
        w.kind,
        opened.value,
        b.kafka_key as record,
        case w.kind
            -- datetime2(7) counts in steps of 100 ns, and 2^64 is no multiple of 100
            when 'wrapped' then bronze.decode_bigint(opened.value) %% 100 <> 0
            when 'rounded' then opened.operation in ('c', 'u')
            when 'late' then opened.value #>> '{}' like '0000-%%' or opened.value #>> '{}' like '%%.%%'
                and bronze.decode_iso_timestamptz(opened.value #>> '{}')
                    < timestamptz '1970-01-01 00:00:01+00'
            else opened.value = w.default_value
        end as found,
        w.kind = 'rounded' and opened.operation = 'r'
            and bronze.decode_bigint(opened.value) %% w.millisecond <> 0 as fine
    from {bronze} b
    join judged_schema w on w.id = b.schema_id
    cross join lateral (
        select
            bronze.cdc_row(event, is_envelope) -> w.name as value,
            case when is_envelope or event ? '__op'
                then bronze.cdc_operation(event, is_envelope) end as operation
        from (
            select event, bronze.cdc_is_envelope(event) as is_envelope
            from (select bronze.cdc_event(b.cdc_payload) as event offset 0) as unwrapped
            offset 0
        ) as shaped
        offset 0
    ) as opened
    where b.kafka_topic = %(topic)s and opened.value is not null
)
