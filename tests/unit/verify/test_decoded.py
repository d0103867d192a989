"""A second decoding: what a cell must be, from the record's JSON and the inline schema alone."""

import base64

import pytest

from bictl.verify.decoded import Meaning, agrees, meanings
from bictl.verify.schemas import is_described

DECIMAL = Meaning("bytes", "org.apache.kafka.connect.data.Decimal", 4)
DEBEZIUM = "io.debezium.time."
NANO = Meaning("int64", f"{DEBEZIUM}NanoTimestamp")
MICRO = Meaning("int64", f"{DEBEZIUM}MicroTimestamp")
MILLI = Meaning("int64", f"{DEBEZIUM}Timestamp")
ZONED = Meaning("string", f"{DEBEZIUM}ZonedTimestamp")
STAMP, ZONE = "timestamp without time zone", "timestamp with time zone"
CLOCK, WRITTEN = "time without time zone", '"2024-05-14T12:00:00.1234567+02:00"'
NUMERIC = "numeric(19,4)"


def unscaled(number: int) -> str:
    text = base64.b64encode(number.to_bytes(12, "big", signed=True)).decode()
    return f'"{text}"'


@pytest.mark.parametrize(
    ("shown", "raw", "kind", "meaning", "same"),
    [
        ("2278.2200", unscaled(22782200), NUMERIC, DECIMAL, True),
        ("2278.2201", unscaled(22782200), NUMERIC, DECIMAL, False),
        ("-0.0001", unscaled(-1), NUMERIC, DECIMAL, True),
        ("0.3000", "0.3", NUMERIC, Meaning("double"), True),
        ("0.3000", '"0.3"', NUMERIC, Meaning("string"), True),
        ("0.30", '"0.3001"', "numeric", Meaning("string"), False),
        ("12.5", '{"scale":1,"value":"fQ=="}', "numeric", Meaning("struct"), True),
        ("NaN", '"NaN"', "numeric", Meaning("string"), None),
        ("2021-04-22T03:26:03.885976", "1619061963885976400", STAMP, NANO, True),
        ("2021-04-22T03:26:03.885977", "1619061963885976400", STAMP, NANO, False),
        ("2021-04-22T06:26:03.885976", "1619061963885976400", STAMP, NANO, False),
        ("9999-12-31T00:00:00", str(253402214400 * 10**9 - 14 * 2**64), STAMP, NANO, True),
        ("2024-04-04T05:53:25.537", "1712210005537", STAMP, MILLI, True),
        ("2024-04-04T05:53:25.537", "1712210005537001", STAMP, MICRO, False),
        ("1969-12-31T23:59:59.999999", "-1", STAMP, MICRO, True),
        ("2024-05-14T10:00:00.123456+00:00", WRITTEN, ZONE, ZONED, True),
        ("2024-05-14T12:00:00.123456+00:00", WRITTEN, ZONE, ZONED, False),
        ("2024-05-14", "19857", "date", Meaning("int32", f"{DEBEZIUM}Date"), True),
        ("2024-05-15", "19857", "date", Meaning("int32", f"{DEBEZIUM}Date"), False),
        ("10:00:00.5", "36000500", CLOCK, Meaning("int32", f"{DEBEZIUM}Time"), True),
        ("0.1", "0.1", "double precision", Meaning("double"), True),
        ("0.2", "0.1", "real", Meaning("float"), False),
        ("\\xdead", '"3q0="', "bytea", Meaning("bytes"), True),
        ("\\xdeaf", '"3q0="', "bytea", Meaning("bytes"), False),
        ("\\xdead", '"dead"', "bytea", Meaning("string"), None),
        ("10000-01-01", "2932897", "date", Meaning("int32", f"{DEBEZIUM}Date"), None),
    ],
)  # fmt: skip
def test_a_cell_is_held_against_the_record_or_not_at_all(shown, raw, kind, meaning, same):
    assert agrees(shown, raw, kind=kind, meaning=meaning) is same


PRICE = {
    "field": "Price",
    "type": "bytes",
    "name": "org.apache.kafka.connect.data.Decimal",
    "parameters": {"scale": "4"},
    "optional": True,
}
ENVELOPE = {
    "fields": [
        {"field": "after", "type": "struct", "fields": [PRICE]},
        {"field": "source", "type": "struct"},
        {"field": "op", "type": "string"},
    ]
}


@pytest.mark.parametrize("schema", [ENVELOPE, {"fields": [PRICE]}], ids=["envelope", "flat"])
def test_a_schema_says_what_its_columns_mean(schema):
    assert meanings(schema) == {"Price": DECIMAL}


def test_a_digest_of_a_schema_is_held_against_it():
    said = {"Price": {"type": "bytes", "name": PRICE["name"], "scale": 4, "optional": True}}
    assert is_described(ENVELOPE, said)
    assert not is_described(ENVELOPE, {"Price": said["Price"] | {"scale": 3}})
    assert not is_described(ENVELOPE, {})
    assert not is_described(ENVELOPE, said | {"Weight": said["Price"]})
    assert not is_described(None, None)
