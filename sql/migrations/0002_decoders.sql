-- How a Debezium record is read in SQL: its shape, its key, its place in the source's history, and
-- the values that Kafka Connect's JsonConverter writes.
--
-- No function raises, whatever it is given: a view must not fail on one bad cell. What cannot be
-- decoded is NULL. They are SQL functions of one expression, not STRICT, so that the planner
-- inlines them: called, they would cost ten times as much. An argument that is used twice must be a
-- column or a cheap expression, else the planner does not inline: give them columns of a subquery
-- that ends in OFFSET 0.

-- The shape ---------------------------------------------------------------------------------------

-- The record behind its wrapper: {"payload": {…}} or, with schemas off, the record itself.
create function bronze.cdc_event(cdc_payload jsonb) returns jsonb
language sql immutable parallel safe as $$
    select case jsonb_typeof(cdc_payload -> 'payload')
        when 'object' then cdc_payload -> 'payload' else cdc_payload end
$$;

-- Whether an event is Debezium's envelope; else it is a flat row (ExtractNewRecordState).
create function bronze.cdc_is_envelope(event jsonb) returns boolean
language sql immutable parallel safe as $$
    select event ? 'op' and jsonb_typeof(event -> 'source') = 'object'
$$;

-- r, c, u or d; a tombstone is d. A flat row that does not name its operation only says whether it
-- is still there.
create function bronze.cdc_operation(event jsonb, is_envelope boolean) returns text
language sql immutable parallel safe as $$
    select case
        when event is null then 'd'
        when is_envelope then event ->> 'op'
        when event ->> '__deleted' = 'true' then 'd'
        else coalesce(event ->> '__op', 'u') end
$$;

-- The row after the change, or a JSON null.
create function bronze.cdc_row(event jsonb, is_envelope boolean) returns jsonb
language sql immutable parallel safe as $$
    select case when is_envelope then event -> 'after' else event end
$$;

-- A field of the source block, which a flat row has as __source_<field>.
create function bronze.cdc_source(event jsonb, is_envelope boolean, field text) returns text
language sql immutable parallel safe as $$
    select case when is_envelope
        then event -> 'source' ->> field else event ->> ('__source_' || field) end
$$;

-- The place in the source's history, as a text that orders with collation "C": SQL Server's
-- commit_lsn and change_lsn (fixed-width hex), or Postgres's lsn; NULL where neither is known.
create function bronze.cdc_position(event jsonb) returns text
language sql immutable parallel safe as $$
    select coalesce(
        bronze.cdc_source(event, bronze.cdc_is_envelope(event), 'commit_lsn')
            || coalesce(
                '/' || bronze.cdc_source(event, bronze.cdc_is_envelope(event), 'change_lsn'), ''),
        lpad(bronze.cdc_source(event, bronze.cdc_is_envelope(event), 'lsn'), 20, '0'))
$$;

-- first or last where a record is the first or the last of its table in a snapshot, else NULL.
create function bronze.cdc_snapshot_marker(cdc_payload jsonb) returns text
language sql immutable parallel safe as $$
    select case bronze.cdc_source(bronze.cdc_event(cdc_payload),
        bronze.cdc_is_envelope(bronze.cdc_event(cdc_payload)), 'snapshot')
        when 'first' then 'first' when 'first_in_data_collection' then 'first'
        when 'last' then 'last' when 'last_in_data_collection' then 'last' end
$$;

-- The key -----------------------------------------------------------------------------------------

-- One column of a record's key, wrapped or plain; a record without a key is known by its row.
create function bronze.cdc_key(kafka_key jsonb, cdc_payload jsonb, name text) returns jsonb
language sql immutable parallel safe as $$
    select coalesce(
        coalesce(kafka_key -> 'payload', kafka_key) -> name,
        case when kafka_key is null then coalesce(
            nullif(bronze.cdc_row(bronze.cdc_event(cdc_payload),
                bronze.cdc_is_envelope(bronze.cdc_event(cdc_payload))) -> name, 'null'),
            bronze.cdc_event(cdc_payload) -> 'before' -> name) end)
$$;

create function bronze.cdc_key_integer(kafka_key jsonb, cdc_payload jsonb, name text)
returns integer language sql immutable parallel safe as $$
    select case jsonb_typeof(bronze.cdc_key(kafka_key, cdc_payload, name)) when 'number' then
        case when bronze.cdc_key(kafka_key, cdc_payload, name)::numeric
                between -2147483648 and 2147483647
            and bronze.cdc_key(kafka_key, cdc_payload, name)::numeric % 1 = 0
        then bronze.cdc_key(kafka_key, cdc_payload, name)::integer end end
$$;

create function bronze.cdc_key_bigint(kafka_key jsonb, cdc_payload jsonb, name text)
returns bigint language sql immutable parallel safe as $$
    select case jsonb_typeof(bronze.cdc_key(kafka_key, cdc_payload, name)) when 'number' then
        case when bronze.cdc_key(kafka_key, cdc_payload, name)::numeric
                between -9223372036854775808 and 9223372036854775807
            and bronze.cdc_key(kafka_key, cdc_payload, name)::numeric % 1 = 0
        then bronze.cdc_key(kafka_key, cdc_payload, name)::bigint end end
$$;

create function bronze.cdc_key_text(kafka_key jsonb, cdc_payload jsonb, name text)
returns text language sql immutable parallel safe as $$
    select bronze.cdc_key(kafka_key, cdc_payload, name) #>> '{}'
$$;

-- What a field description says ---------------------------------------------------------------------
-- A description is {"type": …, "name": …, "scale": …}, from bronze.cdc_schema.fields. These are asked
-- once a schema, not once a row.

-- What one step of the unscaled integer is worth: 0.0001 for a Decimal of scale 4; 0 for what is not
-- in base64 (decimal.handling.mode string and double).
create function bronze.decimal_unit(field jsonb) returns numeric
language sql immutable parallel safe as $$
    select case
        when field is null then null
        when field ->> 'name' = 'org.apache.kafka.connect.data.Decimal'
            and field ->> 'scale' ~ '^[0-9]{1,3}$' then ('1e-' || (field ->> 'scale'))::numeric
        else 0 end
$$;

-- days, ms, us, ns since the epoch (or midnight), or iso for a text.
create function bronze.time_unit(field jsonb) returns text
language sql immutable parallel safe as $$
    select case field ->> 'name'
        when 'io.debezium.time.Date' then 'days'
        when 'io.debezium.time.Time' then 'ms'
        when 'io.debezium.time.Timestamp' then 'ms'
        when 'io.debezium.time.MicroTime' then 'us'
        when 'io.debezium.time.MicroTimestamp' then 'us'
        when 'io.debezium.time.NanoTime' then 'ns'
        when 'io.debezium.time.NanoTimestamp' then 'ns'
        when 'org.apache.kafka.connect.data.Date' then 'days'
        when 'org.apache.kafka.connect.data.Time' then 'ms'
        when 'org.apache.kafka.connect.data.Timestamp' then 'ms'
        else case field ->> 'type' when 'string' then 'iso' end end
$$;

-- Numbers -----------------------------------------------------------------------------------------

-- A number written out: 12.30, -1E-38.
create function bronze.decode_plain_number(plain text) returns numeric
language sql immutable parallel safe as $$
    select case when plain ~ '^[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]{1,3})?$'
        and octet_length(plain) <= 1000 then plain::numeric end
$$;

-- A JSON number, or a text that holds one.
create function bronze.decode_number(value jsonb) returns numeric
language sql immutable parallel safe as $$
    select case jsonb_typeof(value)
        when 'number' then value::numeric
        when 'string' then bronze.decode_plain_number(value #>> '{}') end
$$;

-- Connect's Decimal is decoded in two steps, each on the column that the step before it gave: here
-- the hex digits of its base64, NULL for any other encoding (unit 0, a JSON number, a text with a
-- point or a minus). `plain` is the value's text.
create function bronze.decimal_hex(value jsonb, plain text, unit numeric) returns text
language sql immutable parallel safe as $$
    select case when unit > 0 and jsonb_typeof(value) = 'string'
        and octet_length(plain) % 4 = 0 and octet_length(plain) <= 1000
        and plain ~ '^[A-Za-z0-9+/]+={0,2}$'
        then encode(decode(plain, 'base64'), 'hex') end
$$;

-- A big-endian two's-complement integer, times unit. 'x' || hex as bit(64) stands to the left; the
-- shift on bigint brings it to the right with its sign. Multiplied, never divided: division rounds.
create function bronze.decode_hex_number(hex text, unit numeric) returns numeric
language sql immutable parallel safe as $$
    select case
        when octet_length(hex) between 2 and 16
            then (('x' || hex)::bit(64)::bigint >> (64 - 4 * octet_length(hex)))::numeric * unit
        when hex < '8' then ('0x' || hex)::numeric * unit
        when octet_length(hex) > 16
            then (('0x' || hex)::numeric - ('0x1' || repeat('0', octet_length(hex)))::numeric) * unit
        end
$$;

-- The second step; `hex` is what decimal_hex gave. Else the value is a number written out, or
-- Debezium's VariableScaleDecimal.
create function bronze.decode_decimal(value jsonb, plain text, hex text, unit numeric)
returns numeric language sql immutable parallel safe as $$
    select case
        when hex is not null then bronze.decode_hex_number(hex, unit)
        when jsonb_typeof(value) = 'object' then bronze.decode_hex_number(
            bronze.decimal_hex(value -> 'value', value ->> 'value', 1),
            bronze.decode_plain_number('1e-' || (value ->> 'scale')))
        else bronze.decode_plain_number(plain) end
$$;

-- A whole number of 64 bits, for the times.
create function bronze.decode_bigint(value jsonb) returns bigint
language sql immutable parallel safe as $$
    select case jsonb_typeof(value) when 'number' then
        case when value::numeric between -9223372036854775808 and 9223372036854775807
            and value::numeric = trunc(value::numeric) then value::bigint end end
$$;

create function bronze.decode_bigint_text(plain text) returns bigint
language sql immutable parallel safe as $$
    select case when plain ~ '^-?[0-9]{1,18}$' then plain::bigint end
$$;

-- Numbers as the types of a column; out of its range is NULL.

create function bronze.fit_smallint(number numeric) returns smallint
language sql immutable parallel safe as $$
    select case when number between -32768 and 32767 and number = trunc(number)
        then number::smallint end
$$;

create function bronze.fit_integer(number numeric) returns integer
language sql immutable parallel safe as $$
    select case when number between -2147483648 and 2147483647 and number = trunc(number)
        then number::integer end
$$;

create function bronze.fit_bigint(number numeric) returns bigint
language sql immutable parallel safe as $$
    select case when number between -9223372036854775808 and 9223372036854775807
        and number = trunc(number) then number::bigint end
$$;

create function bronze.fit_real(number numeric) returns real
language sql immutable parallel safe as $$
    select case when number = 0 or abs(number) between 1.4e-45 and 3.4028235e38
        then number::real end
$$;

create function bronze.fit_double(number numeric) returns double precision
language sql immutable parallel safe as $$
    select case when number = 0 or abs(number) between 4.94e-324 and 1.7976931348623157e308
        then number::double precision end
$$;

-- Times -------------------------------------------------------------------------------------------
-- By whole days and the remainder: Postgres has only interval * double precision, which is some
-- microseconds off at the far end. A seventh digit is cut off, never rounded.

create function bronze.decode_date(days bigint) returns date
language sql immutable parallel safe as $$
    select case when days between -719162 and 2932896 then date '1970-01-01' + days::integer end
$$;

create function bronze.decode_timestamp_ms(n bigint) returns timestamp
language sql immutable parallel safe as $$
    select case when n between -62135596800000 and 253402300799999 then
        (date '1970-01-01' + (n / 86400000)::integer)
            + (n % 86400000)::float8 * interval '1 millisecond' end
$$;

create function bronze.decode_timestamp_us(n bigint) returns timestamp
language sql immutable parallel safe as $$
    select case when n between -62135596800000000 and 253402300799999999 then
        (date '1970-01-01' + (n / 86400000000)::integer)
            + (n % 86400000000)::float8 * interval '1 microsecond' end
$$;

create function bronze.decode_timestamp_ns(n bigint) returns timestamp
language sql immutable parallel safe as $$
    select (date '1970-01-01' + (n / 86400000000000)::integer)
        + ((n % 86400000000000 + 86400000000000) / 1000 - 86400000000)::float8
            * interval '1 microsecond'
$$;

create function bronze.decode_timestamp(n bigint, unit text) returns timestamp
language sql immutable parallel safe as $$
    select case unit
        when 'ms' then bronze.decode_timestamp_ms(n)
        when 'us' then bronze.decode_timestamp_us(n)
        when 'ns' then bronze.decode_timestamp_ns(n) end
$$;

create function bronze.decode_time(n bigint, unit text) returns time
language sql immutable parallel safe as $$
    select case unit
        when 'ms' then case when n between 0 and 86399999
            then time '00:00' + n::float8 * interval '1 millisecond' end
        when 'us' then case when n between 0 and 86399999999
            then time '00:00' + n::float8 * interval '1 microsecond' end
        when 'ns' then case when n between 0 and 86399999999999
            then time '00:00' + (n / 1000)::float8 * interval '1 microsecond' end end
$$;

-- An ISO 8601 text with its offset. Year 0000, which Postgres has not, is NULL. Stable, because the
-- cast is: declared immutable it would not be inlined.
create function bronze.decode_iso_timestamptz(iso text) returns timestamptz
language sql stable parallel safe as $$
    select case when iso ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)?$'
        and pg_input_is_valid(iso, 'timestamptz')
        then regexp_replace(iso, '([.][0-9]{6})[0-9]+', '\1')::timestamptz end
$$;

-- Bytes -------------------------------------------------------------------------------------------

create function bronze.decode_base64(encoded text) returns bytea
language sql immutable parallel safe as $$
    select case when octet_length(encoded) % 4 = 0 and encoded ~ '^[A-Za-z0-9+/]*={0,2}$'
        then decode(encoded, 'base64') end
$$;
