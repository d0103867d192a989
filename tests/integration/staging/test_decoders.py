"""The decoders: exact over their whole range, NULL for what they cannot decode, never an error."""

import base64
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal

import pytest

from bictl.bronze import migrate

WIDE = Context(prec=400)
EPOCH = datetime(1970, 1, 1)

NASTY = [
    *("", "=", "==", "A", "AA", "AAA", "AAA=", "A===", "====", "AA=A", "a b=", "AA==\n", "-1"),
    *("1e9", "1E400", "1e-400", "1e999", "NaN", "Infinity", "-Infinity", "0x10", "1_000", " 1"),
    *("9" * 2000, "A" * 4000, "now", "infinity", "epoch", "2024-02-30T00:00:00Z", "10:23:45"),
    *("0000-12-30T00:00:00Z", "9999-99-99T99:99:99Z", "2024-05-14T10:23:45+99:99", "true"),
    *("10000-01-01T00:00:00Z", "2024-05-14T10:23:45Z", "null", "𝟙𝟚", "\u0661", "f" * 70, "{}"),
    *("__debezium_unavailable_value", 0, 1, -1, 0.5, 1e300, -1e300, 1e-300, 10**400),
    *(2**31, -(2**31) - 1, 2**63 - 1, 2**63, -(2**63), 253402300800000, -62135596800001),
    *(86400000, 86399999999999, 9223372036825200000, True, False, None, [], {}, [1]),
    *({"scale": 2, "value": "AIA="}, {"scale": "x", "value": 1}, {"scale": None}),
    *({"scale": -2, "value": "AQ=="}, {"scale": 99999, "value": "AQ=="}),
]  # fmt: skip
TYPES = [
    *("int", "bigint", "smallint", "decimal(18,4)", "decimal(38,38)", "numeric(5,0)", "money"),
    *("real", "float", "bit", "date", "time(3)", "time(7)", "datetime", "datetime2(6)"),
    *("datetime2(7)", "datetimeoffset", "nvarchar(max)", "varbinary(8)", "uniqueidentifier"),
]


@pytest.fixture
def database(settings, clients):
    migrate(clients.database, settings.tables.values())
    return clients.database


def decoded(database, expression, values, kind):
    query = f"select {expression} from unnest(%s::{kind}[]) with ordinality u (v, n) order by n"
    return [row[0] for row in database.rows(query, [values])]


def test_base64_decimals_are_exact_to_the_digit(database):
    chosen = random.Random(7)
    numbers = [0, -1, 1, 127, 128, -128, -129, 2**63 - 1, -(2**63), 2**63, 2**127 - 1, -(2**127)]
    numbers += [sign * (10**38 - 1) for sign in (1, -1)]
    numbers += [
        chosen.choice((1, -1)) * chosen.getrandbits(chosen.randint(1, 200)) for _ in range(5000)
    ]
    for scale in (0, 2, 4, 6, 10, 38):
        texts = [base64.b64encode(in_bytes(n, longer=n % 3 == 0)).decode() for n in numbers]
        hexed = f"bronze.decimal_hex(to_jsonb(v), v, 1e-{scale})"
        found = decoded(database, f"bronze.decode_hex_number({hexed}, 1e-{scale})", texts, "text")

        assert found == [WIDE.scaleb(Decimal(n), -scale) for n in numbers]


def in_bytes(number, *, longer):
    """Big-endian two's complement, as short as can be or a byte longer."""
    size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return number.to_bytes(size + longer, "big", signed=True)


@pytest.mark.parametrize(
    ("text", "scale", "number"),
    [
        ("BGM=", 3, "1.123"),
        ("Ag==", 0, "2"),
        ("AM/u", 4, "5.3230"),
        ("APb+", 4, "6.3230"),
        ("/w==", 2, "-0.01"),
        ("AIA=", 2, "1.28"),
        ("Afts", 4, "12.9900"),
        ("/gSU", 4, "-12.9900"),
        ("AA==", 4, "0.0000"),
        ("MDk=", 2, "123.45"),
    ],
)
def test_debeziums_own_vectors(database, text, scale, number):
    value = f"to_jsonb('{text}'::text)"
    query = f"""select bronze.decode_decimal(
        {value}, '{text}', bronze.decimal_hex({value}, '{text}', 1e-{scale}), 1e-{scale})::text"""

    assert database.value(query) == number


@pytest.mark.parametrize(("unit", "per_second"), [("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_timestamps_are_exact_from_year_1_to_9999(database, unit, per_second):
    chosen = random.Random(11)
    first, last = -62135596800 * per_second, 253402300800 * per_second - 1
    bounds = (max(first, -(2**63)), min(last, 2**63 - 1))
    numbers = [*bounds, 0, -1, 1, *(chosen.randint(*bounds) for _ in range(5000))]
    shown = f"to_char(bronze.decode_timestamp(v, '{unit}'), 'YYYY-MM-DD HH24:MI:SS.US')"

    found = decoded(database, shown, numbers, "bigint")

    assert found == [
        (EPOCH + timedelta(microseconds=n * 10**6 // per_second)).isoformat(" ", "microseconds")
        for n in numbers
    ]


def test_what_is_outside_of_the_years_1_to_9999_is_null(database):
    for unit, outside in (
        ("ms", [-62135596800001, 253402300800000, 2**63 - 1, -(2**63)]),
        ("us", [-62135596800000001, 253402300800000000, 2**63 - 1]),
    ):
        found = decoded(database, f"bronze.decode_timestamp(v, '{unit}')", outside, "bigint")
        assert found == [None] * len(outside)


def test_offsets_are_kept_as_instants_and_the_seventh_digit_is_cut_off(database):
    texts = [
        "2024-05-14T10:23:45.1234567+03:00",
        "2024-05-14T10:23:45.9999999Z",
        "1969-12-31T23:59:59.9999999-05:30",
        "2024-05-14T10:23:45+14:00",
    ]
    found = decoded(database, "bronze.decode_iso_timestamptz(v)", texts, "text")

    assert found == [
        datetime(2024, 5, 14, 7, 23, 45, 123456, UTC),
        datetime(2024, 5, 14, 10, 23, 45, 999999, UTC),
        datetime(1970, 1, 1, 5, 29, 59, 999999, UTC),
        datetime(2024, 5, 13, 20, 23, 45, tzinfo=UTC),
    ]


def test_numbers_and_texts_are_taken_under_the_name_decimal(staging, events):
    """decimal.format=NUMERIC, decimal.handling.mode=string without schemas, Postgres's own form."""
    p = events()
    wire = [12.3, 7, 1e-4, "12.30", "-0.0001", {"scale": 2, "value": "MDk="}, "MDk="]
    staging.load([p.change("c", id, "x", Price=value) for id, value in enumerate(wire)])

    found = staging.rows(f"select price::text from {staging.view} order by product_id")
    shown = ["12.3000", "7.0000", "0.0001", "12.3000", "-0.0001", "123.4500", "1.2345"]
    assert [row[0] for row in found] == shown


def test_no_value_in_any_column_makes_a_view_fail(view_of, events):
    columns = ", ".join(f"('c{n}', '{kind}', 'c{n}')" for n, kind in enumerate(TYPES))
    staging = view_of(
        "stg_nasty",
        "{{ cdc_table(bronze=source('bronze', 'product_cdc'), key=['ID'], "
        f"columns=[('ID', 'int', 'id'), {columns}]) }}}}",
    )
    p = events()
    records = [
        p.change("c", id, "x", **{f"c{n}": value for n in range(len(TYPES))})
        for id, value in enumerate(NASTY)
    ]
    staging.load(records)
    keys = [p.record(0, value) for value in ("flat", 5, [1], True)]
    staging.load(keys)

    shown = staging.rows(f"select * from {staging.view}")

    assert len(shown) == len(NASTY)
    decoded_by_type = zip(["id", *TYPES], zip(*shown, strict=True), strict=False)
    empty = [kind for kind, cells in decoded_by_type if all(cell is None for cell in cells)]
    assert empty == []


def test_nasty_keys_are_left_out_and_break_nothing(staging, events):
    p = events()
    keys = [None, "x", 1.5, 2**40, -(2**31), [1], {"ID": 1}, True, 10**30, "5"]
    records = [p.change("c", 1, f"key {key}") for key in keys]
    staging.load(
        [
            type(record)(record.offset, json.dumps({"ID": key}).encode(), record.value)
            for record, key in zip(records, keys, strict=True)
        ]
    )

    assert set(staging.names()) == {-(2**31)}


DECIMAL = {"name": "org.apache.kafka.connect.data.Decimal"}
SHOWN = [  # a key's value, what its schema says of it, the column's type, what the column shows
    ("BOI=", DECIMAL | {"scale": 1}, "numeric(18,2)", "125.00"),
    ("BOI=", None, "numeric(18,2)", "12.50"),
    ("BOI=", None, "numeric", "1250"),
    ("12.50", None, "numeric(18,2)", "12.50"),
    ("1234", {"type": "string"}, "numeric(18,0)", "1234"),
    (12.5, None, "numeric(18,4)", "12.5000"),
    (19723, {"name": "io.debezium.time.Date", "type": "int32"}, "date", "2024-01-01"),
    (-1, None, "date", "1969-12-31"),
    (1704067200123, {"name": "io.debezium.time.Timestamp"}, "ts", "2024-01-01 00:00:00.123"),
    (1704067200123, None, "ts", "2024-01-01 00:00:00.123"),
    (1704067200123456, None, "ts", "2024-01-01 00:00:00.123456"),
    (1704067200123456789, None, "ts", "2024-01-01 00:00:00.123456"),
    ("2024-01-01T02:00:00.1234567+02:00", None, "timestamptz", "2024-01-01 00:00:00.123456+00"),
    (1704067200123, None, "timestamptz", "2024-01-01 00:00:00.123+00"),
    (3600000, None, "time without time zone", "01:00:00"),
    (3600000000000, {"name": "io.debezium.time.NanoTime"}, "time without time zone", "01:00:00"),
    ("AQI=", None, "bytea", "\\x0102"),
    ("6F9619FF-8B86", None, "uuid", "6f9619ff-8b86"),
    (0.1, None, "double precision", "0.1"),
    (1e20, None, "double precision", "1e+20"),
    (True, None, "boolean", "true"),
    (2**53 + 1, None, "bigint", "9007199254740993"),
    ("A ", None, "text", "A "),
    ("", None, "text", ""),
    ("no number", None, "numeric(18,2)", "no number"),
    (None, None, "text", None),
]  # fmt: skip
LONG = {"ts": "timestamp without time zone", "timestamptz": "timestamp with time zone"}


def test_a_key_is_shown_as_its_column_in_staging_shows_it(database):
    database.execute("set timezone = 'UTC'")
    values, fields, types, shown = zip(*SHOWN, strict=True)
    found = database.rows(
        """select bronze.cdc_key_shown(value::jsonb, field::jsonb, type)
        from unnest(%s::text[], %s::text[], %s::text[]) with ordinality
            as given (value, field, type, n) order by n""",
        [
            [json.dumps(value) for value in values],
            [None if field is None else json.dumps(field) for field in fields],
            [LONG.get(kind, kind) for kind in types],
        ],
    )
    assert [text for (text,) in found] == list(shown)


def test_no_key_is_too_strange_to_be_shown(database):
    kinds = {kind: LONG.get(kind, kind) for *_, kind, _ in SHOWN}.values()
    query = """select count(*) from unnest(%s::text[]) as given (value), unnest(%s::text[]) as kind
        where bronze.cdc_key_shown(value::jsonb, null, kind) is null"""
    assert database.value(query, [[json.dumps(value) for value in NASTY], list(kinds)]) == len(
        kinds
    )
