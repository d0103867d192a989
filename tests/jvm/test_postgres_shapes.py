"""What a Postgres source writes, by five connectors that write it differently: staging shows what
the table holds, cell by cell, or NULL where the wire does not say it."""

import json
import re
from contextlib import closing
from dataclasses import replace

import pytest
from batches import Written, seal
from made_models import make_models

from bictl.bronze import load
from bictl.clients.topics import TopicReader
from bictl.verify.read_rows import read_staging_keys, read_staging_values

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(300)]

TABLE = """
create table dbo.shapes (
    id integer primary key, name varchar(40) not null default 'unnamed', doc text, raw bytea,
    tags text[], js jsonb, u uuid, num numeric, price numeric(19,4) not null default 0, r real,
    d double precision, bit1 bit(1), bits bit(9), dt date, t time, ts3 timestamp(3), ts timestamp,
    tstz timestamptz, iv interval, small smallint)
"""
LONG = "(select string_agg(md5(n::text), '') from generate_series(1, 1000) n)"  # kept outside
LONG_BYTES = "(select string_agg(sha256(n::text::bytea), '') from generate_series(1, 1000) n)"
LONG_LIST = "(select array_agg(md5(n::text)) from generate_series(1, 1000) n)"
LONG_JSON = "(select jsonb_object_agg(n::text, md5(n::text)) from generate_series(1, 1000) n)"
SNAPSHOT = [
    f"""insert into dbo.shapes (id, name, doc, raw, tags, js, num)
        values (1, 'kept outside', {LONG}, {LONG_BYTES}, {LONG_LIST}, {LONG_JSON}, 1)""",
    """insert into dbo.shapes values (2, 'small', 'a', '\\x00ff', array['a', 'b,"c'],
        '{"a": [1, 2.50]}', '6f9619ff-8b86-d011-b42d-00cf4fc964ff',
        12345.678901234567890123456789, -99.5, 1.1, 0.1, '1', '101010101', '2024-05-14',
        '10:23:45.123456', '2024-05-14 10:23:45.123', '1969-12-31 23:59:59.999999',
        '2024-05-14 10:23:45.123456+03', '-3 days 1 second', -7)""",
    """insert into dbo.shapes (id, name, num, r, d, bit1, dt, t, ts3, ts, tstz)
        values (3, 'infinite', 'NaN', 'NaN', '-Infinity', '0', 'infinity', '24:00', 'infinity',
            'infinity', '-infinity')""",
    "insert into dbo.shapes (id, name, num) values (4, 'goes', -1e-30)",
    "insert into dbo.shapes (id, name, doc, num) values (5, 'goes and comes', 'x', 1e30)",
]
CHANGES = [
    """insert into dbo.shapes (id, name, dt, t, ts3, ts, tstz) values
        (6, 'first year', '0001-01-01', '00:00', '0001-01-01', '0001-01-01', '1600-01-01Z'),
        (7, 'last year', '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999',
            '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999Z'),
        (10, 'infinite', 'infinity', null, 'infinity', 'infinity', '-infinity'),
        (8, 'infinite', '-infinity', '24:00', '-infinity', '-infinity', 'infinity')""",
    "update dbo.shapes set name = 'touched once' where id = 1",
    "update dbo.shapes set price = 1.5 where id = 1",
    "delete from dbo.shapes where id in (4, 5)",
    "insert into dbo.shapes (id, doc) values (5, 'again')",
    "update dbo.shapes set id = 9 where id = 2",
]

JSON = "org.apache.kafka.connect.json.JsonConverter"
PLAIN = {
    f"{part}.converter{key}": value
    for part in ("key", "value")
    for key, value in (("", JSON), (".schemas.enable", "false"))
}


def unwrapped(mode: str, **more: str) -> dict[str, str]:
    smt = {
        "type": "io.debezium.transforms.ExtractNewRecordState",
        "delete.handling.mode": mode,
        "drop.tombstones": "false",
        **more,
    }
    return {"transforms": "flat", **{f"transforms.flat.{key}": smt[key] for key in smt}}


# A connector's name: how it differs, and the model's modes
CONNECTORS = {
    "wrapped": ({}, {}),
    "plain": (
        {
            **PLAIN,
            "decimal.handling.mode": "string",
            "binary.handling.mode": "hex",
            "time.precision.mode": "connect",
        },
        {"decimal": "string", "binary": "hex", "time": "connect"},
    ),
    "numbers": (
        {
            "value.converter.decimal.format": "NUMERIC",
            "binary.handling.mode": "base64-url-safe",
            "time.precision.mode": "adaptive_time_microseconds",
            **unwrapped("none"),
        },
        {"binary": "base64-url-safe"},
    ),
    "rewritten": (
        {
            **PLAIN,
            "decimal.handling.mode": "double",
            **unwrapped("rewrite", **{"add.fields": "op,source.ts_ms,source.lsn,source.snapshot"}),
        },
        {"decimal": "double"},
    ),
    "dropped": ({"key.converter.schemas.enable": "false", **unwrapped("drop")}, {}),
}
COLUMNS = {  # ours is the type's word, and how the source shows what staging shows
    "name": ("nvarchar", "name"),
    "doc": ("nvarchar", "doc"),
    "raw": ("varbinary", "raw::text"),
    "tags": ("nvarchar", "to_jsonb(tags)::text"),
    "js": ("nvarchar", "js::text"),
    "u": ("uniqueidentifier", "u::text"),
    "num": ("number", "num::text"),
    "price": ("decimal(19,4)", "price::text"),
    "r": ("real", "r::text"),
    "d": ("float", "d::text"),
    "bit1": ("bit", "bit1::integer::boolean::text"),
    "bits": ("varbinary", "bits::text"),
    "dt": ("date", "dt::text"),
    "t": ("time(6)", "t::text"),
    "ts3": ("datetime2(3)", "ts3::text"),
    "ts": ("datetime2(6)", "ts::text"),
    "tstz": ("datetimeoffset", "(tstz at time zone 'UTC')::text"),
    "iv": ("bigint", "(extract(epoch from iv) * 1000000)::bigint::text"),
    "small": ("smallint", "small::text"),
}
NOT_ON_THE_WIRE = {  # (connector, column, id): why
    ("wrapped", "num", 3): "Debezium writes a NaN as null",
    ("numbers", "num", 3): "Debezium writes a NaN as null",
    ("dropped", "num", 3): "Debezium writes a NaN as null",
    ("plain", "raw", 1): "unchanged bytes are null in every binary.handling.mode but bytes",
    ("numbers", "raw", 1): "unchanged bytes are null in every binary.handling.mode but bytes",
    ("plain", "bits", 9): "base64 whatever binary.handling.mode says: hex cannot be told from it",
}


def test_every_cell_of_a_postgres_table(source, settings, clients, until, tmp_path):
    source.sql(TABLE)
    for insert in SNAPSHOT:
        source.sql(insert)
    topics = {}
    for name, (config, _) in CONNECTORS.items():
        prefix, slot = f"{name}.{source.database}", f"{name}_{source.database}"
        topics[name] = f"{prefix}.dbo.shapes"
        own = {"topic.prefix": prefix, "slot.name": slot, "publication.name": slot}
        source.capture("dbo.shapes", name=f"{source.name}-{name}", config=config | own)
    with closing(TopicReader(settings.kafka)) as reader:
        until(lambda: all(count(reader, topic) >= 5 for topic in topics.values()))
        for change in CHANGES:
            source.sql(change)
        until(lambda: all(newest_key(reader, topic) == 9 for topic in topics.values()))
        records = {name: read(reader, topic) for name, topic in topics.items()}

    listed = ", ".join(f"('{name}', '{kind}', '{name}')" for name, (kind, _) in COLUMNS.items())
    texts = {
        name: f"{{{{ cdc_table(bronze='bronze.{name}', key=['id'], modes={json.dumps(modes)},"
        f" columns=[('id', 'int', 'id'), {listed}]) }}}}"
        for name, (_, modes) in CONNECTORS.items()
    }
    tables = make_models(settings, clients, tmp_path, texts)
    shown = ", ".join(f"{name}::text" for name in COLUMNS).replace(
        "tstz::text", "(tstz at time zone 'UTC')::text"
    )
    held = ", ".join(text for _, text in COLUMNS.values())
    truth = {row[0]: row[1:] for row in source.sql(f"select id, {held} from dbo.shapes")}
    wrong = []
    for name, table in tables.items():
        seal(clients.objects, table, records[name])
        load(clients.objects, clients.database, table=table, run="test")
        query = f"select id, {shown} from staging_staging.stg_{name}"
        staged = {row[0]: row[1:] for row in clients.database.rows(query)}
        assert staged.keys() == truth.keys() == {1, 3, 5, 6, 7, 8, 9, 10}
        for id, row in truth.items():
            for column, told, true in zip(COLUMNS, staged[id], row, strict=True):
                if (name, column, id) in NOT_ON_THE_WIRE:
                    wrong += [] if told is None else [(name, column, id, told)]
                elif shown_as(name, column, told) != expected(name, column, true):
                    wrong.append((name, column, id, str(told)[:80], str(true)[:80]))
        wrong += verdict(clients.database, replace(table, key=("id",), id=("id",)), name)
    assert wrong == []
    assert b"__debezium_unavailable_value" in b"".join(r.value or b"" for r in records["wrapped"])


def verdict(database, table, name):
    """What verify's own reading of the same records finds."""
    view = f"staging_staging.{table.staging}"
    keys, _ = read_staging_keys(database, table, view)
    values = read_staging_values(database, table, view, model=None)
    lost = {"bits"} if name == "plain" else set()  # the others are NULL on the wire too
    found = [*keys.missing.keys, *keys.extra.keys, *keys.stale.keys, *values.different.items()]
    return [(name, *found)] if found or set(values.lost) != lost else []


def expected(connector, column, true):
    """The cell as the connector's modes allow it."""
    if true is None:
        return None
    if column == "bits":
        return "\\x" + int(true, 2).to_bytes(2, "little").hex()
    if connector == "plain" and column in ("t", "ts"):
        return re.sub(r"(\.\d{3})\d+", r"\1", true)
    return shown_as(connector, column, true)


def shown_as(connector, column, cell):
    """A number of decimal.handling.mode=double is a double's."""
    if connector == "rewritten" and column == "num" and cell is not None:
        return repr(float(cell))
    return cell


def count(reader, topic):
    """How many records a topic has so far; 0 before there is one."""
    return reader.offsets(topic, [0])[0].stable if topic in reader.topics() else 0


def newest_key(reader, topic):
    """The id of the newest record."""
    key = json.loads(read(reader, topic)[-1].key)
    return key.get("payload", key)["id"]


def read(reader, topic):
    return [
        Written(record.offset, record.key, record.value, (), record.timestamp)
        for chunk in reader.read(topic, 0, first=0, end=count(reader, topic))
        for record in chunk.records
    ]
