"""The local rules about connectors: each finds its mistake, and right files have no finding."""

from pathlib import Path

import pytest

from bictl import assets
from bictl.cdc import Around, ConnectorFile, Neighbour, check, connector_file, leads_to
from bictl.cdc.known_keys import JSON_CONVERTER, POSTGRES
from bictl.local import capture
from bictl.settings import Table

FOLDER = assets.path("infra", "kafka-connect", "connectors")
SHIPPED = {one.name: one for one in connector_file.folder(FOLDER)}
PRODUCT = SHIPPED["sqlserver-product-connector"]
TABLES = tuple(
    Table(name=name.lower(), topic=topic)
    for name, topic in {
        "Product": "cord.ConcordDb.dbo.Product",
        "Category": "cord-category.ConcordDb.dbo.Category",
        "Manufacturer": "cord-manufacturer.ConcordDb.dbo.Manufacturer",
    }.items()
)
POSTGRES_CONFIG = {
    "connector.class": POSTGRES,
    "tasks.max": "1",
    "topic.prefix": "cord.ConcordDb",
    "plugin.name": "pgoutput",
    "database.hostname": "db",
    "database.port": "5432",
    "database.user": "debezium",
    "database.password": "${env:PG_PASSWORD}",
    "database.dbname": "ConcordDb",
    "table.include.list": "dbo.Product",
}


def draft(base=PRODUCT.config, name="x", **changes) -> ConnectorFile:
    """A connector with these keys changed; `__` stands for a dot, None takes a key out."""
    wanted = {key.replace("__", "."): value for key, value in changes.items()}
    config = {key: value for key, value in {**base, **wanted}.items() if value is not None}
    return ConnectorFile(name, config, f"{name}.json")


def found(one: ConnectorFile, around: Around = Around()) -> list[tuple[str, str]]:  # noqa: B008
    return [(finding.level, finding.key) for finding in check(one, around)]


def words(one: ConnectorFile, around: Around = Around()) -> str:  # noqa: B008
    return "\n".join(
        f"{finding.key}: {finding.message} ({finding.hint})" for finding in check(one, around)
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_connectors_break_no_rule_beside_each_other(name):
    others = [Neighbour(one.name, one.place, one.config) for one in SHIPPED.values()]
    around = Around(
        tables=TABLES,
        table=next(one for one in TABLES if leads_to(SHIPPED[name].config, one.topic)),
        connector=PRODUCT.name,
        neighbours=[one for one in others if one.name != name],
    )
    assert check(SHIPPED[name], around) == ()


def test_three_connectors_are_shipped_and_product_is_as_it_was_fixed():
    assert sorted(SHIPPED) == [
        "sqlserver-category-connector",
        "sqlserver-manufacturer-connector",
        "sqlserver-product-connector",
    ]
    fixed = {
        "topic.prefix": "cord",
        "snapshot.mode": "initial",
        "schema.history.internal.kafka.topic": "schema-changes.cord",
    }
    assert fixed.items() <= PRODUCT.config.items()
    assert Path(PRODUCT.place).name == "sqlserver-product.json"


def test_a_right_postgres_connector_breaks_no_rule():
    assert found(draft(POSTGRES_CONFIG)) == []
    stack = capture.connector(Path("/stack/source.properties"))
    assert check(ConnectorFile("stack", stack, "stack"), Around(tables=TABLES)) == ()


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("snapshot.mdoe", "snapshot.mode"),
        ("databse.encrypt", "database.encrypt"),
        ("database.encript", "database.encrypt"),
        ("driver.aplicationIntent", "driver.applicationIntent"),
        ("table.includelist", "table.include.list"),
        ("topic_prefix", "topic.prefix"),
        ("Decimal.Handling.Mod", "decimal.handling.mode"),
        ("schema.history.internal.kafka.topics", "schema.history.internal.kafka.topic"),
        ("value.converter.schema.enable", "value.converter.schemas.enable"),
        ("signal.data.colection", "signal.data.collection"),
        ("topic.delimeter", "topic.delimiter"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_right_one(key, right):
    said = words(draft(**{key: "x"}))
    assert (
        said
        == f"{key}: the connector does not know this key and ignores it (did you mean {right}?)"
    )
    assert found(draft(**{key: "x"})) == [("fail", key)]
    assert found(draft(**{key: "x"}), Around(allow=[key])) == []


@pytest.mark.parametrize(
    "key",
    [
        "producer.override.compression.type",
        "schema.history.internal.producer.sasl.mechanism",
        "schema.history.internal.consumer.sasl.mechanism",
        "schema.history.internal.kafka.recovery.attempts",
        "topic.creation.default.partitions",
        "column.truncate.to.20.chars",
        "column.mask.hash.SHA-256.with.salt.abc",
        "snapshot.select.statement.overrides.dbo.Product",
        "driver.applicationIntent",
        "database.applicationName",
        "signal.kafka.topic",
        "signal.consumer.security.protocol",
        "notification.sink.topic.name",
        "unavailable.value.placeholder",
        "internal.anything",
    ],
)
def test_keys_that_a_worker_does_not_list_are_known(key):
    assert found(draft(**{key: "x"})) == []


def test_a_key_that_resembles_none_is_warned_about_and_the_worker_may_know_it():
    one = draft(**{"custom.thing": "x"})
    assert found(one) == [("warn", "custom.thing")]
    assert check(one, Around(), worker_keys=["custom.thing"]) == ()


def test_the_options_of_custom_converters_are_theirs():
    assert found(draft(converters="isbn", isbn__type="a.B", isbn__schema__name="c")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("database.server.name", "topic.prefix"),
        ("database.dbname", "database.names"),
        ("database.history.kafka.topic", "schema.history.internal.kafka.topic"),
        ("database.history", "schema.history.internal"),
        ("table.whitelist", "table.include.list"),
    ],
)
def test_a_name_of_debezium_1_is_refused_with_its_successor(old, new):
    assert found(draft(**{old: "x"})) == [("fail", old)]
    assert f"2.x ignores (write {new} instead)" in words(draft(**{old: "x"}))


def test_a_postgres_connector_has_a_dbname_and_no_history():
    assert ("fail", "database.names") not in found(draft(POSTGRES_CONFIG))
    one = draft(POSTGRES_CONFIG, database__history__kafka__topic="h")
    assert "keeps no schema history" in words(one)


def test_transforms_need_their_class_and_their_own_name():
    chain = {"transforms": "unwrap, cut", "transforms.unwarp.type": "x"}
    chain["transforms.unwrap.type"] = "io.debezium.transforms.ExtractNewRecordState"
    chain |= {"transforms.unwrap.drop.tombstone": "false", "transforms.unwrap.add.fields": "op"}
    assert found(draft(**chain)) == [
        ("fail", "transforms.unwarp.type"),
        ("fail", "transforms.unwrap.drop.tombstone"),
        ("fail", "transforms.cut.type"),
    ]
    said = words(draft(**chain))
    assert "did you mean transforms.unwrap.type?" in said
    assert "did you mean transforms.unwrap.drop.tombstones?" in said


def test_options_of_a_converter_that_is_not_named_do_nothing():
    one = draft(value__converter=None, value__converter__replace__null__with__default=None)
    assert found(one) == [("fail", "value.converter.schemas.enable")]


@pytest.mark.parametrize(
    "key",
    [
        "connector.class",
        "topic.prefix",
        "database.hostname",
        "database.user",
        "database.password",
        "database.names",
        "schema.history.internal.kafka.topic",
        "schema.history.internal.kafka.bootstrap.servers",
    ],
)
def test_what_is_required_and_missing_is_named(key):
    assert ("fail", key) in found(draft(**{key: None}))
    assert key == "connector.class" or ("fail", key) in found(draft(**{key: " "}))


def test_a_history_in_a_file_needs_no_topic():
    kind = "io.debezium.storage.file.history.FileSchemaHistory"
    prefix = "schema.history.internal"
    changes = {
        prefix: kind,
        f"{prefix}.kafka.topic": None,
        f"{prefix}.kafka.bootstrap.servers": None,
    }
    assert found(draft(**changes, **{f"{prefix}.file.filename": "/h"})) == []


def test_the_history_is_not_the_topic_of_the_schema_changes():
    one = draft(**{"schema.history.internal.kafka.topic": "cord"})
    assert found(one) == [("fail", "schema.history.internal.kafka.topic")]


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("ConcordDb.dbo.Product", "write dbo.Product:"),
        (r"concorddb\.dbo\.Product", "write dbo.Product:"),
        ("dbo.Category,ConcordDb.dbo.Product", "write dbo.Product:"),
        ("Product", "write dbo.Product"),
        ("dbo.Product[", "correct it"),
    ],
)
def test_a_table_that_matches_nothing_is_refused(entry, hint):
    assert found(draft(table__include__list=entry)) == [("fail", "table.include.list")]
    assert hint in words(draft(table__include__list=entry))


@pytest.mark.parametrize("entry", ["dbo.Product", r"dbo\.Prod.*", r"dbo.\p{Alpha}+", "a.b,c.d"])
def test_a_table_that_may_match_is_let_pass(entry):
    assert found(draft(table__include__list=entry)) == []


def test_without_a_list_every_table_is_captured():
    assert found(draft(table__include__list=None)) == [("warn", "table.include.list")]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("database.password", "hunter22"),
        ("errors.tolerance", "all"),
        ("event.processing.failure.handling.mode", "skip"),
        ("event.processing.failure.handling.mode", "warn"),
        ("skipped.operations", "d,u"),
        ("tombstones.on.delete", "false"),
        ("snapshot.select.statement.overrides", "dbo.Product"),
        ("decimal.handling.mode", "double"),
        ("time.precision.mode", "connect"),
        ("value.converter.replace.null.with.default", None),
        ("key.converter.replace.null.with.default", "true"),
        ("snapshot.mode", "schema_only"),
        ("snapshot.mode", "initial_only"),
        ("tasks.max", "4"),
    ],
)
def test_what_loses_records_or_values_is_warned_about(key, value):
    assert found(draft(**{key: value})) == [("warn", key)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("skipped.operations", "none"),
        ("skipped.operations", "t"),
        ("decimal.handling.mode", "string"),
        ("time.precision.mode", "adaptive_time_microseconds"),
    ],
)
def test_what_loses_nothing_is_let_pass(key, value):
    assert found(draft(**{key: value})) == []


def test_a_task_a_database_is_no_finding():
    assert found(draft(database__names="ConcordDb,Other", tasks__max="2")) == []


def test_another_converter_than_json_is_warned_about():
    avro = "io.confluent.connect.avro.AvroConverter"
    assert ("warn", "value.converter") in found(draft(value__converter=avro))
    assert found(draft(value__converter="JsonConverter")) == []
    assert PRODUCT.config["value.converter"] == JSON_CONVERTER


@pytest.mark.parametrize(
    "value", ["${env:PW}", "${file:/a/b.properties:pw}", "${vault:path:key}", "${directory:/d:f}"]
)
def test_references_pass(value):
    assert found(draft(database__password=value)) == []


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("${PASSWORD}", "fail"),
        ("${file:/a/b.properties:pw", "fail"),
        ("${file:pw}", "fail"),
        ("$file:/a/b.properties:pw}", "fail"),
        ("${mine:path:key}", "warn"),
    ],
)
def test_a_reference_that_the_worker_takes_literally_is_found(value, level):
    assert found(draft(database__password=value)) == [(level, "database.password")]


def test_an_expression_is_no_reference():
    assert found(draft(table__include__list="dbo.Product$")) == []
    router = {
        "transforms": "r",
        "transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter",
    }
    router |= {"transforms.r.regex": "(.*)", "transforms.r.replacement": "${routedByValue}$1"}
    assert found(draft(**router)) == []


def test_a_signal_table_is_named_as_its_source_names_it():
    assert found(draft(signal__data__collection="dbo.signals")) == [
        ("fail", "signal.data.collection")
    ]
    assert found(draft(signal__data__collection="ConcordDb.dbo.signals")) == []
    assert found(draft(POSTGRES_CONFIG, signal__data__collection="dbo.signals")) == []
    one = draft(signal__enabled__channels="source,kafka")
    assert found(one) == [("fail", "signal.kafka.bootstrap.servers")]


def test_a_plain_postgres_has_no_decoderbufs():
    assert found(draft(POSTGRES_CONFIG, plugin__name=None)) == [("warn", "plugin.name")]


def test_a_prefix_has_to_begin_a_topics_name():
    assert found(draft(topic__prefix="cord/x")) == [("fail", "topic.prefix")]


def test_prefix_history_and_slot_are_shared_with_nobody():
    other = Neighbour("other", "on the worker", PRODUCT.config)
    assert found(draft(), Around(neighbours=[other])) == [
        ("fail", "topic.prefix"),
        ("fail", "schema.history.internal.kafka.topic"),
    ]
    assert "other (on the worker) has the same one, cord" in words(
        draft(), Around(neighbours=[other])
    )
    slot = Neighbour("other", "b.json", {**POSTGRES_CONFIG, "topic.prefix": "b"})
    assert found(draft(POSTGRES_CONFIG), Around(neighbours=[slot])) == [("fail", "slot.name")]
    own = draft(POSTGRES_CONFIG, slot__name="mine")
    assert found(own, Around(neighbours=[slot])) == []


def test_a_second_file_of_the_same_connector_is_warned_about():
    twin = Neighbour("x", "x-old.json", PRODUCT.config)
    assert found(draft(), Around(neighbours=[twin])) == [("warn", "name")]


def test_what_it_writes_has_to_be_read_by_somebody():
    near = Around(tables=TABLES)
    assert found(draft(), near) == []
    assert found(draft(topic__prefix="cordd"), near) == [("warn", "topic.prefix")]
    assert "it writes cordd.ConcordDb.dbo.Product, and no [tables.*] reads that" in words(
        draft(topic__prefix="cordd"), near
    )
    assert found(draft(), Around(tables=TABLES, table=TABLES[1])) == [("fail", "topic.prefix")]
    router = {
        "transforms": "r",
        "transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter",
    }
    assert found(draft(topic__prefix="cordd", **router), near) == []


def test_a_table_is_found_through_expressions_and_databases():
    config = dict(draft(table__include__list=r"dbo\.Pro.*", database__names="A,ConcordDb").config)
    assert leads_to(config, "cord.ConcordDb.dbo.Product")
    assert leads_to(config, "cord.A.dbo.Prov")
    assert not leads_to(config, "cord.B.dbo.Product")
    assert leads_to(POSTGRES_CONFIG, "cord.ConcordDb.dbo.Product")


def test_a_table_whose_name_no_topic_can_have_is_found_under_the_one_that_debezium_gives_it():
    config = dict(draft(table__include__list=r"dbo.Product,dbo\.Order Details").config)
    assert leads_to(config, "cord.ConcordDb.dbo.Order_Details")
    assert not leads_to(config, "cord.ConcordDb.dbo.OrderXDetails")


def test_the_configured_name_has_to_be_somewhere():
    near = Around(connector="sqlserver-prodcut-connector")
    assert found(draft(), near) == [("warn", "name")]
    other = Neighbour("sqlserver-prodcut-connector", "on the worker", {})
    assert found(draft(), Around(connector=other.name, neighbours=[other])) == []


def test_of_an_unknown_class_only_the_general_rules_count():
    assert (
        found(ConnectorFile("f", {"connector.class": "FileStreamSource", "file": "x"}, "f")) == []
    )
