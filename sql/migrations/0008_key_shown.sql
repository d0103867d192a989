-- A column of a key as staging shows it. Which records are of one key is decided by the bytes of
-- Kafka's key; where these encode a decimal or a time, staging has the decoded value, and who compares
-- the two needs that one.
--
-- `type` is the staging column's, as format_type writes it. `field` is what the record's schema says
-- of the column, NULL without one: then a decimal is Connect's own, of the type's scale, and a number
-- tells by its size what it counts (which is wrong within three years of 1970, and within a tenth of
-- a second of midnight). What cannot be decoded is shown as it is.
create function bronze.cdc_key_shown(value jsonb, field jsonb, type text) returns text
language sql stable parallel safe as $$
    select coalesce(
        case
            when type like 'numeric%' then (
                select case
                    when scale is null then number else round(number, scale) end::text
                from (select substring(type from ',([0-9]+)\)')::integer as scale) as declared
                cross join lateral (
                    select coalesce(
                        bronze.decimal_unit(field), ('1e-' || coalesce(scale, 0)::text)::numeric
                    ) as unit
                ) as described
                cross join lateral (
                    select bronze.decode_decimal(
                        value, value #>> '{}', bronze.decimal_hex(value, value #>> '{}', unit), unit
                    ) as number
                ) as decoded
            )
            when type = 'real' then bronze.fit_real(bronze.decode_number(value))::text
            when type = 'double precision'
                then bronze.fit_double(bronze.decode_number(value))::text
            when type = 'bytea' then bronze.decode_binary(
                value, coalesce(bronze.binary_unit(field, 'base64'), 'base64'))::text
            when type = 'uuid' then lower(value #>> '{}')
            when type = 'date' then bronze.decode_date(bronze.decode_bigint(value))::text
            when type like 'time%' then (
                select case
                    when type like 'time without%' then bronze.decode_time(n, unit)::text
                    when type like 'timestamp%without%' then case unit
                        when 'iso' then (iso at time zone 'UTC')::text
                        else bronze.decode_timestamp(n, unit)::text end
                    when unit = 'iso' then iso::text
                    else (bronze.decode_timestamp(n, unit) at time zone 'UTC')::text end
                from (select
                    bronze.decode_bigint(value) as n,
                    bronze.decode_iso_timestamptz(value #>> '{}') as iso
                ) as read
                cross join lateral (
                    select coalesce(bronze.time_unit(field), case
                        when n is null then 'iso'
                        when type like 'time without%' and n <= 86400000 then 'ms'
                        when type like 'time without%' and n <= 86400000000 then 'us'
                        when type like 'time without%' then 'ns'
                        when abs(n::numeric) < 100000000000000 then 'ms'
                        when abs(n::numeric) < 100000000000000000 then 'us'
                        else 'ns' end) as unit
                ) as described
            )
        end,
        value #>> '{}')
$$;
