"""Snapshots on request: what a connector lacks, what it is told, and how its answer is known."""

import json

import pytest
from connect_replay import saved

from bictl import cdc
from bictl.cdc.arrival import is_of
from bictl.cdc.event import read_event
from bictl.cdc.incremental import incremental, one_key
from bictl.errors import UsageError

NAME = "pg-product"
SQLSERVER = "io.debezium.connector.sqlserver.SqlServerConnector"
POSTGRES = "io.debezium.connector.postgresql.PostgresConnector"
LISTENS = {
    "connector.class": POSTGRES,
    "topic.prefix": "cord.ConcordDb",
    "table.include.list": "dbo.Product,dbo.Cat.*",
    "signal.data.collection": "dbo.debezium_signal",
    "signal.enabled.channels": "source,kafka",
    "signal.kafka.topic": "signals",
    "signal.kafka.bootstrap.servers": "kafka:29092",
}
TOPIC = "cord.ConcordDb.dbo.Product"
# What Debezium 2.4.0 committed for a table with an integer key.
INTEGER = (
    "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c0200007870000000017372"
    "00116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a617661"
    "2e6c616e672e4e756d62657286ac951d0b94e08b0200007870000007bd"
)


@pytest.fixture
def asked(replay, worker):
    """`asked(config, …)`: the signal for a connector of that configuration."""

    def ask(config, *, states=("RUNNING", "RUNNING"), kind="incremental", version=None, **words):
        replay.answers.clear()
        info = saved("connector_info")["body"] | {"config": config}
        first, *tasks = states
        status = saved("status_running")["body"] | {
            "connector": {"state": first, "worker_id": "w"},
            "tasks": [{"id": 0, "state": task, "worker_id": "w"} for task in tasks],
        }
        plugins = [
            {"class": name, "type": "source", "version": version or "2.4.0.Final"}
            for name in (SQLSERVER, POSTGRES)
        ]
        replay.say(f"/connectors/{NAME}", 200, info)
        replay.say(f"/connectors/{NAME}/status", 200, status)
        replay.say("/connector-plugins", 200, plugins)
        found = {"channel": None, "topics": [TOPIC]} | words
        return cdc.prepare_signal(worker, NAME, kind=kind, **found)

    return ask


def without(*keys: str, **changes: str) -> dict:
    return {key: value for key, value in (LISTENS | changes).items() if key not in keys}


def test_kafka_is_the_channel_where_it_is_enabled(asked):
    signal, channel = asked(LISTENS)
    assert (channel, signal.topic, signal.key) == ("kafka", "signals", "cord.ConcordDb")
    assert json.loads(signal.record) == {
        "id": signal.id,
        "type": "execute-snapshot",
        "data": {"data-collections": ["dbo.Product"], "type": "incremental"},
    }


def test_the_topic_of_signals_has_a_name_by_default(asked):
    assert asked(without("signal.kafka.topic"))[0].topic == "cord.ConcordDb-signal"


def test_the_table_is_the_channel_by_default_and_its_insert_is_the_sources_sql(asked):
    signal, channel = asked(without("signal.enabled.channels"), collections=["dbo.Cat's"])
    assert channel == "table"
    assert signal.statement == (
        f"""INSERT INTO "dbo"."debezium_signal" VALUES ('{signal.id}', 'execute-snapshot', """
        """'{"data-collections": ["dbo.Product", "dbo.Cat''s"], "type": "incremental"}');"""
    )
    config = without(
        **{
            "connector.class": SQLSERVER,
            "topic.prefix": "cord",
            "signal.data.collection": "ConcordDb.dbo.signal]s",
        }
    )
    signal, _ = asked(config, channel="table")
    assert signal.statement == (
        f"INSERT INTO [ConcordDb].[dbo].[signal]]s] VALUES (N'{signal.id}', N'execute-snapshot', "
        """N'{"data-collections": ["ConcordDb.dbo.Product"], "type": "incremental"}');"""
    )


def test_a_name_is_escaped_where_debezium_takes_an_expression(asked):
    signal, _ = asked(without("table.include.list"), topics=(), collections=["dbo.a$b(c)"])
    assert signal.data["data-collections"] == [r"dbo.a\$b\(c\)"]


@pytest.mark.parametrize(
    ("config", "words", "says", "hint"),
    [
        (
            without("signal.data.collection"),
            {},
            "signal.data.collection is missing; the watermarks",
            'CREATE TABLE "dbo"."debezium_signal"',
        ),
        (
            without("signal.data.collection"),
            {"kind": "blocking", "channel": "table"},
            "signal.data.collection is missing",
            "bictl cdc apply",
        ),
        (
            without("signal.enabled.channels"),
            {"channel": "kafka"},
            "signal.enabled.channels has to be set",
            '"signal.enabled.channels": "source,kafka"',
        ),
        (
            without(**{"signal.enabled.channels": "kafka"}),  # the watermarks come by the source
            {},
            "signal.enabled.channels has to be set",
            '"source,kafka"',
        ),
        (
            without("signal.kafka.bootstrap.servers"),
            {},
            "signal.kafka.bootstrap.servers has to be set",
            "the worker's own Kafka",
        ),
        (LISTENS, {"states": ("PAUSED", "PAUSED")}, "does not listen: PAUSED", "cdc resume"),
        (LISTENS, {"states": ("RUNNING", "FAILED")}, "does not listen", "cdc restart"),
        (LISTENS, {"topics": ["other.dbo.Product"]}, "begin with cord.ConcordDb.", "--collection"),
        (LISTENS, {"topics": (), "collections": ["dbo.Nope"]}, "does not capture", "dbo.Product"),
        (LISTENS, {"topics": (), "collections": ["Product"]}, "names no table", "dbo.Product"),
        (LISTENS, {"version": "2.3.4.Final", "kind": "blocking"}, "2.4 or newer", "--blocking"),
        (LISTENS, {"version": "2.2.1.Final"}, "Kafka channel needs", "--channel table"),
        (without(**{"connector.class": "x.Sink"}), {}, "knows no signals", None),
    ],
)
def test_what_is_missing_is_explained_before_anything_is_sent(asked, config, words, says, hint):
    with pytest.raises(UsageError) as caught:
        asked(config, **words)
    assert says in caught.value.message
    assert hint is None or hint in caught.value.hint


def test_a_blocking_snapshot_by_kafka_needs_no_signal_table(asked):
    signal, channel = asked(without("signal.data.collection"), kind="blocking")
    assert (channel, signal.table) == ("kafka", "")


def record(**source: object) -> bytes:
    return json.dumps(
        {"schema": {}, "payload": {"source": source, "op": "r", "ts_ms": 5000}}
    ).encode()


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (record(snapshot="incremental"), {"incremental"}),
        (record(snapshot="first"), {"blocking"}),
        (record(snapshot="last_in_data_collection"), {"blocking"}),
        (record(snapshot="false"), set()),
        (record(snapshot=None), set()),
        (b'{"ID": 1, "__op": "r"}', {"incremental", "blocking"}),
        (b'{"ID": 1, "__op": "u"}', set()),
        (None, set()),
        (b"\x00\x00\x00\x00\x01avro", set()),
        (b"[1]", set()),
    ],
)
def test_a_record_tells_whether_it_is_of_the_snapshot_that_was_asked_for(value, kinds):
    assert {kind for kind in ("incremental", "blocking") if is_of(value, kind)} == kinds


def test_a_change_tells_how_late_it_was_captured_and_a_snapshots_row_does_not():
    change = read_event(record(snapshot="false", ts_ms=4250, commit_lsn="00000027:00000758:0005"))
    assert (change.delay, change.position) == (0.75, "00000027:00000758:0005")
    assert read_event(record(snapshot="true", ts_ms=4250)).delay is None
    assert read_event(record(snapshot="false", ts_ms=10**18)).at is None


def test_a_running_incremental_snapshot_tells_its_place():
    names = [{"incremental_snapshot_collections_id": one} for one in ("dbo.Product", "dbo.B")]
    offset = {
        "incremental_snapshot_collections": json.dumps(names),
        "incremental_snapshot_primary_key": INTEGER,
        "incremental_snapshot_maximum_key": INTEGER[:-8] + "00000bb8",
    }
    assert incremental(offset) == "incremental: dbo.Product at key 1981 of 3000, then dbo.B"
    assert incremental({}) == ""
    assert incremental({"incremental_snapshot_collections": "dbo.Old"}) == "incremental: dbo.Old"


@pytest.mark.parametrize("raw", ["", "zz", "aced0005", None, 5])
def test_a_key_of_another_kind_is_not_guessed(raw):
    assert one_key(raw) == ""


def test_negative_and_textual_keys_are_read():
    assert one_key(INTEGER[:-8] + "ffffffff") == "-1"
    assert one_key("aced0005" + "00000001" + "74" + "0003" + "414243") == "ABC"
