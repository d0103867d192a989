"""What the wire cannot carry is named, with the column, the count and what the source really has:
on events of Debezium's own classes, against the truth that they were made from."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from bictl.model_file import read_model
from bictl.verify.carried import unwrapped
from bictl.verify.read_carried import read_carried
from bictl.verify.report import State

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sqlserver"
OLD = 1_715_680_000_000


@pytest.fixture
def loaded(empty_pipeline, write):
    """`loaded([(key, value)…])`: the pipeline with these records in bronze."""

    def load(records):
        count = write(empty_pipeline, [(key, value, OLD, 0) for key, value in records])
        empty_pipeline.seal(0, count)
        empty_pipeline.load()
        return empty_pipeline

    return load


def of(samples):
    return [(key, value) for key, value, *_ in samples]


def differences(pipeline):
    found = read_carried(pipeline.database, pipeline.table).differences
    return {(item.column, item.kind): item for item in found}


def test_the_type_zoo_shows_each_kind_with_the_truth_behind_it(loaded, fixture_records):
    pipeline = loaded(of(fixture_records("zoo_precise")))
    found = differences(pipeline)
    truth = json.loads(gzip.decompress((FIXTURES / "zoo_truth.json.gz").read_bytes()))
    refused = pipeline.database.rows("select kafka_offset::text from bronze.cdc_quarantine")
    lossy = [
        (column, cell)
        for offset, sides in truth["lossy"]["precise"].items()
        if (offset,) not in refused
        for column, cell in sides.get("after", {}).items()
    ]
    lies = Counter(column for column, cell in lossy if not cell["sql"].startswith("1582-10-10"))
    of_1582 = Counter(column for column, cell in lossy if cell["sql"].startswith("1582-10-10"))

    wrapped = found.pop(("c_datetime2_7", "wrapped"))
    assert wrapped.count == lies["c_datetime2_7"] + of_1582["c_datetime2_7"] > 5
    true = {cell["wire"]: cell["sql"] for column, cell in lossy if column == "c_datetime2_7"}
    for _, wire in wrapped.examples:
        if not true[int(wire)].startswith("1582"):
            assert unwrapped(int(wire)).isoformat(" ", "microseconds") == true[int(wire)][:-1]

    for digits in range(4, 8):
        rounded = found.pop((f"c_time_{digits}", "rounded"))
        assert rounded.count >= lies[f"c_time_{digits}"] > 0
    for digits in range(8):
        assert found.pop((f"c_dto_{digits}", "late")).count == lies[f"c_dto_{digits}"]
    assert found == {}

    check = pipeline.check("T8", select=["T8"])
    assert (check.state, check.kind) == (State.WARN, "failed")
    assert "c_datetime2_7: 9 timestamps outside the years 1677 to 2262" in check.message
    assert "2: 0001-01-01 00:00:00, 3: 9999-12-31 23:59:59.999999" in check.message
    assert "alter column c_time_7 to time(3)" in check.hint


def test_a_null_that_came_as_the_default_is_named_until_nulls_come_as_nulls(
    loaded, fixture_records
):
    pipeline = loaded(of(fixture_records("defaults_schema")))
    found = differences(pipeline)
    names = ("Note", "NoteN", "Price", "Qty", "Rate")
    assert {name for name, _ in found} == set(names)  # not IsActive, which takes no NULL
    assert {(item.kind, item.count) for item in found.values()} == {("default", 1)}
    assert found["Qty", "default"].examples == (("1", "7"),)
    assert found["NoteN", "default"].examples == (("1", "'abc"),)
    assert pipeline.check("T8", select=["T8"]).state is State.WARN
    assert pipeline.check("T8", select=["T8"], keeps_nulls=lambda: True).state is State.OK
    hint = pipeline.check("T8", select=["T8"], keeps_nulls=lambda: False).hint
    assert hint.startswith("in the connector: value.converter.replace.null.with.default=false")


def test_defaults_behind_the_first_null_are_the_sources_own(loaded, fixture_records):
    [(key, value), _] = of(fixture_records("defaults_schema"))
    event = json.loads(value)
    event["payload"]["after"]["Qty"] = None
    pipeline = loaded([(key, json.dumps(event).encode()), (key, value)])
    assert ("Qty", "default") not in differences(pipeline)
    assert ("Note", "default") in differences(pipeline)


def test_a_computed_column_is_told_from_one_that_was_emptied(loaded, fixture_records):
    """Volume as CDC gives a computed column, Description set to NULL by each update."""
    records, kept, lost = [], set(), set()
    for key, value in of(fixture_records("product_schema")):
        if value is None:
            records.append((key, value))
            continue
        event = json.loads(value)
        payload, number = event["payload"], json.loads(key)["payload"]["ID"]
        if payload["op"] == "r":
            if payload["after"]["Volume"] is not None:
                kept.add(number)
        elif number in kept:
            lost.add(str(number))
        for side in ("before", "after"):
            if payload["op"] != "r" and payload[side]:
                payload[side]["Volume"] = None
        if payload["op"] == "u":
            payload["after"]["Description"] = None
        records.append((key, json.dumps(event).encode()))
    pipeline = loaded(records)
    [found] = differences(pipeline).values()
    assert (found.column, found.kind, found.count) == ("Volume", "computed", len(lost))
    assert {key for key, _ in found.examples} <= lost
    assert len(found.examples) == 5


def test_what_the_wire_carries_passes_with_all_of_it_counted(pipeline):
    check = pipeline.check("T8", select=["T8"])
    assert check.state is State.OK
    assert check.evaluated == pipeline.value(
        "select count(*) from bronze.product_cdc"
        " where cdc_payload -> 'payload' -> 'after' <> 'null'"
    )


def test_records_without_a_schema_are_neither_judged_nor_unknown(loaded, fixture_records):
    pipeline = loaded(of(fixture_records("zoo_plain")))
    assert pipeline.check("T8", select=["T8"]).state is State.OK


MODEL = """{{ bictl.cdc_table(bronze='b', key=['ID'], modes=MODES, columns=[
    ('ID', 'int', 'id'),
    ('Made', 'datetime2(7)', 'made'),
    ('Seen', 'datetime2(6)', 'seen'),
    ('Kept', 'datetime2(3)', 'kept'),
    ('Shift', 'time(7)', 'shift'),
    ('Year', 'decimal(4,0)', 'year'),
    ('Hash', 'varbinary(8)', 'hash'),
]) }}"""
MOMENT = 1_715_682_225_123  # milliseconds: a day of 2024


def written(decimal, time, binary, *, count=3):
    """Plain records as a connector of these modes writes them."""
    moments = {"adaptive": (1_000_000, 1000), "connect": (1, 1)}[time]
    return [
        (
            b'{"ID":%d}' % number,
            json.dumps(
                {
                    "op": "c",
                    "source": {"snapshot": "false"},
                    "before": None,
                    "after": {
                        "ID": number,
                        "Made": MOMENT * moments[0],
                        "Seen": MOMENT * moments[1],
                        "Kept": MOMENT,
                        "Shift": 37_425_123 * moments[0],
                        "Year": {"precise": "B+g=", "string": "2024"}[decimal],
                        "Hash": {"bytes": "3q2+7wARIjM=", "hex": "deadbeef00112233"}[binary],
                    },
                }
            ).encode(),
        )
        for number in range(count)
    ]


def test_modes_that_are_not_the_connectors_are_named_where_no_schema_says_it(loaded):
    pipeline = loaded(written("string", "connect", "hex"))

    def found(modes):
        model = read_model(MODEL.replace("MODES", repr(modes)))
        told = read_carried(pipeline.database, pipeline.table, model).differences
        return {item.column: item.kind for item in told}

    assert found({}) == {
        "Made": "moment", "Seen": "moment", "Shift": "clock", "Year": "digits", "Hash": "hex",
    }  # fmt: skip
    assert found({"decimal": "string", "time": "connect", "binary": "hex"}) == {}
    model = read_model(MODEL.replace("MODES", "{'binary': 'hex', 'time': 'connect'}"))
    check = pipeline.check("T8", select=["T8"], staging_model=lambda: model)
    assert check.state is State.WARN
    assert "Year: the newest records have no schema and write decimals out" in check.message
    assert "modes={'decimal': …} as the connector's decimal.handling.mode" in check.hint


def test_modes_that_are_the_connectors_are_not_named(loaded):
    pipeline = loaded(written("precise", "adaptive", "bytes"))
    model = read_model(MODEL.replace("MODES", "{}"))
    assert read_carried(pipeline.database, pipeline.table, model).differences == ()
