-- More of what records look like: null envelopes, binary columns written as text, Postgres's values.
-- Each function keeps its name and arguments, so the views that call it go on; no index changes, since
-- none of them gives another key or another snapshot marker than before.

-- The record behind its wrapper: {"payload": {…}} or, with schemas off, the record itself. NULL where
-- there is no row: a tombstone, a JSON null, and the null envelope that a converter writes for one.
create or replace function bronze.cdc_event(cdc_payload jsonb) returns jsonb
language sql immutable parallel safe as $$
    select case jsonb_typeof(cdc_payload -> 'payload')
        when 'object' then cdc_payload -> 'payload'
        when 'null' then
            case when cdc_payload - 'schema' = '{"payload": null}' then null else cdc_payload end
        else nullif(cdc_payload, 'null') end
$$;

-- Numbers -----------------------------------------------------------------------------------------

-- A number written out: 12.30, -1E-38, and the three that are none (float columns; Postgres's
-- numeric).
create or replace function bronze.decode_plain_number(plain text) returns numeric
language sql immutable parallel safe as $$
    select case
        when plain ~ '^[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]{1,3})?$'
            and octet_length(plain) <= 1000 then plain::numeric
        when plain in ('NaN', 'Infinity', '-Infinity') then plain::numeric end
$$;

create or replace function bronze.fit_real(number numeric) returns real
language sql immutable parallel safe as $$
    select case
        when number = 0 or abs(number) between 1.4e-45 and 3.4028235e38
            or number in ('NaN', 'Infinity', '-Infinity') then number::real end
$$;

create or replace function bronze.fit_double(number numeric) returns double precision
language sql immutable parallel safe as $$
    select case
        when number = 0 or abs(number) between 4.94e-324 and 1.7976931348623157e308
            or number in ('NaN', 'Infinity', '-Infinity') then number::double precision end
$$;
