"""What the evidence means: the states that no embedded broker can bring about among them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from bictl.clients.topics import Offsets
from bictl.errors import AccessDenied, Unreachable
from bictl.ingest import range_ack
from bictl.records import Manifest, Range, Topic
from bictl.settings.values import PRODUCT
from bictl.trace.broker import Broker
from bictl.trace.evidence import Evidence
from bictl.trace.judge import upstream
from bictl.trace.latency import timed
from bictl.trace.report import Layer, Place, State, Trace
from bictl.trace.shelf import Held, Shelf
from bictl.trace.warehouse import Rows
from bictl.wire import Line

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(hours=2), NOW - timedelta(seconds=5)
TOPIC = Topic(PRODUCT.topic, "c", "life", (0, 1))
PLACE = Place("life", 0, 50)
LINE = Line(PRODUCT.topic, 0, 50, int(OLD.timestamp() * 1000), b'{"ID":1}', b'{"ID":1}', ())
LEDGER = {
    "object_key": "k",
    "sha256": "0" * 64,
    "first_offset": 0,
    "next_offset": 100,
    "n_records": 100,
    "n_loaded": 100,
    "n_quarantined": 0,
    "n_duplicate": 0,
    "load_run": "r",
    "loaded_at": OLD,
}
ROW = {"id": 7, "ingested_at": OLD, "batch_file": "k"}


@dataclass(frozen=True)
class Found:
    offset: int = 50
    timestamp: int = LINE.timestamp
    key: bytes | None = LINE.key
    value: bytes | None = LINE.value
    headers: tuple = ()


def manifest(**changes: object) -> Manifest:
    plain = Manifest(
        cluster="c",
        topic=PRODUCT.topic,
        generation="life",
        generation_no=0,
        partition=0,
        first=0,
        next=100,
        records=100,
        tombstones=0,
        sha256="0" * 64,
        min_timestamp=None,
        max_timestamp=None,
        run="r",
    )
    return replace(plain, **changes)


def kafka(
    start: int = 0, stable: int = 100, high: int | None = None, record=None, **more
) -> Broker:
    ends = Offsets(start, stable, stable if high is None else high)
    return Broker(topic=TOPIC, life="life", ends=ends, record=record)


SERVED = kafka(record=Found())
SEALED = Shelf(
    first=0,
    baseline=0,
    frontier=100,
    held=Held(key="k", modified=OLD, manifest=manifest(), number=51, line=LINE),
)
LOADED = Rows(ledger=(LEDGER,), row=ROW)


def layers(
    broker=SERVED, shelf=SEALED, rows=LOADED, *, written: datetime | None = OLD
) -> dict[str, Layer]:
    evidence = Evidence(
        table=PRODUCT,
        place=PLACE,
        now=NOW,
        max_lag=300,
        broker=broker,
        shelf=shelf,
        rows=rows,
        written_at=written,
    )
    return {layer.name: layer for layer in upstream(evidence)}


def states(found: dict[str, Layer]) -> list[str]:
    return [found[name].state.value for name in ("Kafka", "objects", "ledger", "bronze")]


def code(found: dict[str, Layer]) -> int:
    return max((layer.state.exit_code for layer in found.values()), default=0)


NOTHING, UNSEALED = Rows(), Shelf()
GONE = kafka(start=60)
HOLE = replace(SEALED, held=None)
BEHIND = Shelf(first=0, baseline=0, frontier=40)
EXPIRED = Shelf(first=60, baseline=0, frontier=100)


@pytest.mark.parametrize(
    ("broker", "shelf", "rows", "expected"),
    [
        (SERVED, SEALED, LOADED, "found found found found"),
        (GONE, SEALED, LOADED, "discarded found found found"),
        (kafka(stable=40, high=60), UNSEALED, NOTHING, "not yet, not yet, not yet, not yet"),
        (kafka(stable=40, high=40), UNSEALED, NOTHING, "not yet, not yet, not yet, not yet"),
        (kafka(stable=40, high=40), SEALED, LOADED, "conflict found found found"),
        (kafka(), UNSEALED, NOTHING, "no record, not yet, not yet, not yet"),
        (
            kafka(),
            replace(SEALED, held=replace(SEALED.held, line=None)),
            Rows(ledger=(LEDGER,)),
            "no record, no record, found, no record",
        ),
        (
            SERVED,
            replace(SEALED, held=replace(SEALED.held, line=None)),
            Rows(ledger=(LEDGER,)),
            "found, damaged, found, missing",
        ),
        (SERVED, UNSEALED, NOTHING, "found, missing, not yet, not yet"),
        (GONE, UNSEALED, NOTHING, "discarded, lost, not there, not there"),
        (GONE, BEHIND, NOTHING, "discarded, lost, not there, not there"),
        (SERVED, HOLE, LOADED, "found, missing, found, found"),
        (GONE, HOLE, LOADED, "discarded, missing, found, found"),
        (GONE, HOLE, NOTHING, "discarded, lost, not there, not there"),
        (GONE, EXPIRED, LOADED, "discarded, expired, found, found"),
        (SERVED, EXPIRED, NOTHING, "found, missing, not yet, not yet"),
        (GONE, EXPIRED, NOTHING, "discarded, lost, not there, not there"),
        (GONE, EXPIRED, Rows(ledger=(LEDGER,)), "discarded, expired, found, lost"),
        (
            GONE,
            EXPIRED,
            Rows(ledger=({**LEDGER, "n_records": 99},)),
            "discarded, expired, found, unknown",
        ),
        (SERVED, SEALED, NOTHING, "found, found, missing, not yet"),
        (SERVED, SEALED, Rows(ledger=(LEDGER,)), "found, found, found, missing"),
        (
            SERVED,
            SEALED,
            Rows(ledger=({**LEDGER, "sha256": "1" * 64},)),
            "found, found, stale, missing",
        ),
        (Unreachable("no"), SEALED, LOADED, "unreachable, found, found, found"),
        (AccessDenied("no"), SEALED, LOADED, "unknown, found, found, found"),
        (SERVED, Unreachable("no"), LOADED, "found, unreachable, found, found"),
        (SERVED, Unreachable("no"), NOTHING, "found, unreachable, not yet, unknown"),
        (SERVED, SEALED, Unreachable("no"), "found, found, unreachable, unreachable"),
        (Broker(topic=TOPIC, life="other"), SEALED, LOADED, "discarded, found, found, found"),
        (Unreachable("no"), HOLE, NOTHING, "unreachable, unknown, not yet, not yet"),
    ],
)  # fmt: skip
def test_each_layer_has_its_state(broker, shelf, rows, expected):
    found = states(layers(broker, shelf, rows))
    assert found == (expected.split(", ") if ", " in expected else expected.split())


def test_what_is_young_is_on_its_way():
    fresh = int(YOUNG.timestamp() * 1000)
    broker = kafka(record=Found(timestamp=fresh))
    assert states(layers(broker, UNSEALED, NOTHING, written=YOUNG))[1:] == ["not yet"] * 3
    held = replace(SEALED.held, modified=YOUNG)
    assert states(layers(SERVED, replace(SEALED, held=held), NOTHING))[2:] == ["not yet"] * 2


def test_an_acknowledged_loss_is_no_failure_and_covers_nothing_that_kafka_serves():
    ack = range_ack(Range(0, 40, 60), generation="life", reason="OPS-1", person="Ada")
    shelf = Shelf(first=60, baseline=0, frontier=100, acked=ack)
    found = layers(GONE, shelf, NOTHING)
    assert states(found) == ["discarded", "acknowledged", "not there", "not there"]
    assert "by Ada" in found["objects"].said[0]
    assert code(found) == 0
    assert layers(SERVED, shelf, NOTHING)["objects"].state is State.MISSING


def test_a_loss_names_the_range_and_the_command_that_acknowledges_it():
    found = layers(GONE, BEHIND, NOTHING)["objects"]
    assert found.repair == "bictl ack --table product --range '0:[40,60)' --reason …"
    old = layers(Broker(topic=TOPIC, life="other"), HOLE, NOTHING)["objects"]
    assert "--generation life" in old.repair


def test_another_record_in_kafka_than_was_sealed_is_a_conflict():
    found = layers(kafka(record=Found(value=b'{"ID":2}')))
    assert (found["objects"].state, code(found)) == (State.CONFLICT, 6)


def layer(name: str, seconds: float, **more: object) -> Layer:
    at = NOW + timedelta(seconds=seconds)
    return Layer(name=name, state=State.FOUND, at=at, **more)


def test_times_are_told_between_the_layers_of_the_way():
    found, latency = timed(
        [
            layer("source", 0),
            layer("Kafka", 0.5),
            layer("objects", 3, whole_seconds=True),
            layer("ledger", 99),
            layer("bronze", 4),
            Layer(name="staging", state=State.FOUND),
            layer("vectors", 6),
        ]
    )
    assert [one.seconds for one in found] == [None, 0.5, 2.5, None, 1, None, 2]
    assert (latency.to_bronze, latency.to_vectors) == (4, 6)


def test_clocks_that_differ_have_a_word_and_whole_seconds_are_no_difference():
    found, _ = timed([layer("Kafka", 0.7), layer("objects", 0, whole_seconds=True)])
    assert (found[1].seconds, found[1].said) == (0, ())
    found, _ = timed([layer("Kafka", 0.7), layer("objects", -2, whole_seconds=True)])
    assert found[1].seconds == pytest.approx(-2.7)
    assert found[1].said == ("earlier than in Kafka: the clocks differ",)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["found", "found"], 0),
        (["found", "not yet"], 0),
        (["found", "missing"], 1),
        (["unreachable", "missing"], 1),
        (["lost", "missing"], 6),
        (["found", "unreachable"], 3),
        (["quarantined", "found"], 3),
        (["unreachable", "unreachable"], 4),
        (["unknown", "unknown"], 3),
    ],
)
def test_the_exit_code_is_that_of_the_worst_layer(found, expected):
    told = Trace(
        table="product",
        topic="t",
        asked="--key 1",
        place=None,
        generation_no=None,
        key=None,
        layers=tuple(
            Layer(name=name, state=State(state)) for name, state in zip("ab", found, strict=True)
        ),
    )
    assert told.exit_code == expected
