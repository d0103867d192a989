-- More of what records look like: null envelopes, binary columns written as text, values of Postgres
-- sources. Each function that is replaced keeps its name and arguments, so the views that call it go
-- on; none of them gives another key or another snapshot marker than before, so indexes stand.

-- Whether there is a row behind a record's value: not behind a tombstone, a JSON null, or the null
-- envelope that a converter writes for one.
create function bronze.cdc_is_row(cdc_payload jsonb) returns boolean
language sql immutable parallel safe as $$
    select cdc_payload <> 'null' and case jsonb_typeof(cdc_payload -> 'payload')
        when 'null' then cdc_payload - 'schema' <> '{"payload": null}' else true end
$$;

-- r, c, u or d; what is no row is d. A flat row that does not name its operation only says whether it
-- is still there.
create or replace function bronze.cdc_operation(event jsonb, is_envelope boolean) returns text
language sql immutable parallel safe as $$
    select case
        when event is null then 'd'
        when is_envelope then event ->> 'op'
        when event ->> '__deleted' = 'true' or not bronze.cdc_is_row(event) then 'd'
        else coalesce(event ->> '__op', 'u') end
$$;

-- A value that an update did not touch and Postgres keeps outside of the row: its log does not hold
-- it, and Debezium writes a word in its place. As text, in base64 and in hex; lists have it as their
-- one element.
create function bronze.is_unavailable(plain text) returns boolean
language sql immutable parallel safe as $$
    select plain in (
        '__debezium_unavailable_value',
        'X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==',
        '5f5f646562657a69756d5f756e617661696c61626c655f76616c7565',
        '["__debezium_unavailable_value"]')
$$;

-- Whether a record may lack such a value: nothing else writes these words, and where somebody does,
-- more is kept than has to be.
create function bronze.cdc_is_partial(cdc_payload jsonb) returns boolean
language sql immutable parallel safe as $$
    select cdc_payload::text like any (array[
        '%__debezium_unavailable_value%',
        '%X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ%',
        '%5f5f646562657a69756d5f756e617661696c61626c655f76616c7565%'])
$$;

-- What a field description says ---------------------------------------------------------------------

-- Debezium's binary.handling.mode: base64 for Connect's own bytes; a text does not say what it is, so
-- that `mode` (the model's) decides. '' where nobody says it.
create function bronze.binary_unit(field jsonb, mode text) returns text
language sql immutable parallel safe as $$
    select case field ->> 'type' when 'bytes' then 'base64' when 'string' then mode end
$$;

-- Numbers -----------------------------------------------------------------------------------------

-- A number written out: 12.30, -1E-38; and the three that are none, of float columns and Postgres's
-- numeric.
create or replace function bronze.decode_plain_number(plain text) returns numeric
language sql immutable parallel safe as $$
    select case
        when plain ~ '^[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]{1,3})?$'
            and octet_length(plain) <= 1000 then plain::numeric
        when plain in ('NaN', 'NAN', 'Infinity', '-Infinity') then plain::numeric end
$$;

create or replace function bronze.fit_real(number numeric) returns real
language sql immutable parallel safe as $$
    select case when number = 0 or abs(number) between 1.4e-45 and 3.4028235e38
        or number in ('NaN', 'Infinity', '-Infinity') then number::real end
$$;

create or replace function bronze.fit_double(number numeric) returns double precision
language sql immutable parallel safe as $$
    select case when number = 0 or abs(number) between 4.94e-324 and 1.7976931348623157e308
        or number in ('NaN', 'Infinity', '-Infinity') then number::double precision end
$$;

-- Times -------------------------------------------------------------------------------------------

-- Postgres's infinite ones are numbers (and two words) outside of the years 1 to 9999, by which they
-- are known: what Debezium 2.4 made of them was seen.

create or replace function bronze.decode_date(days bigint) returns date
language sql immutable parallel safe as $$
    select case
        when days between -719162 and 2932896 then date '1970-01-01' + days::integer
        when days in (-622191234, -2147472692) then date 'infinity'  -- by a snapshot, by the log
        when days in (-625821272, -2147472691) then date '-infinity' end
$$;

create or replace function bronze.decode_timestamp_ms(n bigint) returns timestamp
language sql immutable parallel safe as $$
    select case
        when n between -62135596800000 and 253402300799999 then
            (date '1970-01-01' + (n / 86400000)::integer)
                + (n % 86400000)::float8 * interval '1 millisecond'
        when n = 9223372036825200 then timestamp 'infinity'
        when n = -9223372036832400 then timestamp '-infinity' end
$$;

create or replace function bronze.decode_timestamp_us(n bigint) returns timestamp
language sql immutable parallel safe as $$
    select case
        when n between -62135596800000000 and 253402300799999999 then
            (date '1970-01-01' + (n / 86400000000)::integer)
                + (n % 86400000000)::float8 * interval '1 microsecond'
        when n = 9223372036825200000 then timestamp 'infinity'
        when n = -9223372036832400000 then timestamp '-infinity' end
$$;

create or replace function bronze.decode_iso_timestamptz(iso text) returns timestamptz
language sql stable parallel safe as $$
    select case
        when iso ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)?$'
            and pg_input_is_valid(iso, 'timestamptz')
            then regexp_replace(iso, '([.][0-9]{6})[0-9]+', '\1')::timestamptz
        when iso in ('infinity', '-infinity') then iso::timestamptz end
$$;

-- 24:00 is a time to Postgres.
create or replace function bronze.decode_time(n bigint, unit text) returns time
language sql immutable parallel safe as $$
    select case unit
        when 'ms' then case
            when n between 0 and 86399999 then time '00:00' + n::float8 * interval '1 millisecond'
            when n = 86400000 then time '24:00' end
        when 'us' then case
            when n between 0 and 86399999999
                then time '00:00' + n::float8 * interval '1 microsecond'
            when n = 86400000000 then time '24:00' end
        when 'ns' then case
            when n between 0 and 86399999999999
                then time '00:00' + (n / 1000)::float8 * interval '1 microsecond'
            when n = 86400000000000 then time '24:00' end end
$$;

-- Bytes -------------------------------------------------------------------------------------------

create function bronze.decode_binary(value jsonb, unit text) returns bytea
language sql immutable parallel safe as $$
    select case when jsonb_typeof(value) = 'string' then case unit
        when 'base64' then bronze.decode_base64(value #>> '{}')
        when 'base64-url-safe' then bronze.decode_base64(translate(value #>> '{}', '-_', '+/'))
        when 'hex' then case when value #>> '{}' ~ '^([0-9A-Fa-f]{2})*$'
            then decode(value #>> '{}', 'hex') end end end
$$;
