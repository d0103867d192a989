"""Records of `hostile`: from a broker into bronze exactly, or into quarantine whole.

Each stands between two good ones in a batch of its own; then all that are refused stand among good
ones in one batch, and alone in another.
"""

import json
import sys
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hostile import ALL, HELD, KEYLESS, REFUSED, TWICE

from bictl.bronze.quarantine import count_states
from bictl.ingest import ingest, quarantine_ack, write_ack
from bictl.settings import Ingest
from bictl.verify.report import State

OLD = 1_715_680_000_000


def plain(number: int) -> tuple[bytes, bytes]:
    row = f'{{"ID":{number},"Name":"thing {number}"}}'
    source = f'{{"snapshot":"false","ts_ms":{OLD},"commit_lsn":"{number:08x}:00000000:0001"}}'
    return (
        f'{{"ID":{number}}}'.encode(),
        f'{{"before":null,"after":{row},"source":{source},"op":"c","ts_ms":{OLD}}}'.encode(),
    )


@dataclass
class Hostiles:
    """A pipeline that took every hostile record, and where each of them is."""

    pipeline: object
    places: dict[str, int]  # in batches of three
    mixed: range  # all refused ones among good ones, one batch
    alone: range  # all refused ones, one batch

    def bronze(self, offsets) -> dict[int, tuple]:
        return self._by_offset(
            """select kafka_offset, kafka_key::text, cdc_payload::text, cdc_payload is null
            from bronze.product_cdc_events where kafka_offset = any(%s)""",
            offsets,
        )

    def quarantine(self, offsets) -> dict[int, tuple]:
        found = self._by_offset(
            """select kafka_offset, sqlstate, raw_key, raw_value
            from bronze.cdc_quarantine where kafka_offset = any(%s)""",
            offsets,
        )
        return {at: (row[0], *map(whole, row[1:])) for at, row in found.items()}

    def ledger(self, offset) -> tuple:
        ((*counts,),) = self.pipeline.database.rows(
            """select n_records, n_loaded, n_quarantined, n_duplicate
            from bictl.object_ledger where first_offset <= %s and next_offset > %s""",
            [offset, offset],
        )
        return tuple(counts)

    def _by_offset(self, query, offsets) -> dict[int, tuple]:
        rows = self.pipeline.database.rows(query, [list(offsets)])
        return {row[0]: tuple(row[1:]) for row in rows}


def whole(raw) -> bytes | None:
    return None if raw is None else bytes(raw)


@pytest.fixture(scope="module")
def hostiles(new_pipeline):
    pipeline = new_pipeline()
    producer = producing(pipeline)
    triples = [
        (plain(2 * number), (record.key, record.value), plain(2 * number + 1))
        for number, record in enumerate(ALL.values())
    ]
    producer([record for triple in triples for record in triple])
    places = {name: 3 * number + 1 for number, name in enumerate(ALL)}
    end = 3 * len(triples)
    sealed = drain(pipeline, batch_records=3)
    assert (sealed.records, sealed.batches) == (end, len(places))

    refused = [(record.key, record.value) for record in REFUSED.values()]
    mixed = [
        record
        for pair in zip(refused, map(plain, range(len(refused))), strict=True)
        for record in pair
    ]
    producer(mixed)
    assert drain(pipeline).batches == 1
    producer(refused)
    assert drain(pipeline).batches == 1
    pipeline.load()
    after = end + len(mixed)
    return Hostiles(pipeline, places, range(end, after), range(after, after + len(refused)))


def producing(pipeline):
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient

    servers, topic = pipeline.settings.kafka.bootstrap_servers, pipeline.table.topic
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        options = {"num_partitions": 1, "replication_factor": 1}
        admin.create_topics({topic: options}, wait_for_metadata=True)

    def produce(records) -> None:
        limits = {"max_request_size": 64 << 20, "linger_ms": 20}
        with closing(KafkaProducer(bootstrap_servers=servers, **limits)) as producer:
            sent = [
                producer.send(topic, key=key, value=value, timestamp_ms=OLD, partition=0)
                for key, value in records
            ]
            for future in sent:
                future.get(timeout=60)

    return produce


def drain(pipeline, **limits):
    result = ingest(
        pipeline.clients.reader,
        pipeline.objects,
        table=pipeline.table,
        limits=Ingest(**limits),
        run="test",
    )
    return next(iter(result.partitions))


def parse(text: bytes | str) -> object:
    """JSON with exact numbers, by another parser than Postgres's; the last of equal names wins."""
    kept = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.loads(text, parse_float=Decimal)
    finally:
        sys.set_int_max_str_digits(kept)


def is_same(raw: bytes | None, text: str | None) -> bool:
    if raw is None or text is None:
        return raw is text
    try:
        return parse(raw) == parse(text)
    except RecursionError:  # then it holds no text with a space
        return raw.decode() == text.replace(" ", "")


@pytest.mark.parametrize("name", HELD)
def test_what_bronze_holds_it_holds_exactly(hostiles, name):
    offset = hostiles.places[name]
    assert hostiles.quarantine([offset]) == {}
    assert hostiles.bronze([offset - 1, offset, offset + 1]).keys() == {
        offset - 1,
        offset,
        offset + 1,
    }
    key, value, _ = hostiles.bronze([offset])[offset]
    assert is_same(HELD[name].key, key)
    assert is_same(HELD[name].value, value)
    assert hostiles.ledger(offset) == (3, 3, 0, 0)


@pytest.mark.parametrize("name", REFUSED)
def test_what_bronze_cannot_hold_is_whole_in_quarantine_and_its_batch_loads(hostiles, name):
    offset, record = hostiles.places[name], REFUSED[name]
    expected = {offset: (record.sqlstate, record.key, record.value)}
    assert hostiles.quarantine([offset]) == expected
    assert hostiles.bronze([offset - 1, offset, offset + 1]).keys() == {offset - 1, offset + 1}
    assert hostiles.ledger(offset) == (3, 2, 1, 0)


def test_many_bad_records_in_one_batch_are_told_from_the_good_ones(hostiles):
    bad = dict(zip(hostiles.mixed[::2], REFUSED.values(), strict=True))
    assert hostiles.quarantine(hostiles.mixed) == {
        at: (record.sqlstate, record.key, record.value) for at, record in bad.items()
    }
    assert hostiles.bronze(hostiles.mixed).keys() == set(hostiles.mixed[1::2])
    count = len(REFUSED)
    assert hostiles.ledger(hostiles.mixed[0]) == (2 * count, count, count, 0)


def test_a_batch_of_bad_records_alone_is_accounted_for(hostiles):
    assert hostiles.quarantine(hostiles.alone).keys() == set(hostiles.alone)
    assert hostiles.ledger(hostiles.alone[0]) == (len(REFUSED), 0, len(REFUSED), 0)


@pytest.mark.parametrize("level", ["default", "deep"])
def test_verify_agrees_and_names_every_reason(hostiles, level):
    pipeline = hostiles.pipeline
    pipeline.embed()
    report = pipeline.verify(level=level)
    wrong = {check.id: check.message for check in report.checks if check.state is not State.OK}
    assert wrong.keys() == {"B6", "T2", *(["B12"] if level == "deep" else [])}
    if level == "deep":
        twice = {hostiles.places[name] for name in TWICE}
        ranges = next(check.extra.ranges for check in report.checks if check.id == "B12")
        assert {at for item in ranges for at in range(item.first, item.next)} == twice
    assert wrong["T2"] == f"{KEYLESS} records without the key ID"
    quarantined = 3 * len(REFUSED)
    assert wrong["B6"].startswith(f"{quarantined} records quarantined: ")
    assert report.exit_code == 1
    records = 3 * len(ALL) + quarantined
    for boundary in report.boundaries[:2]:
        assert (boundary.tally.expected, boundary.tally.accounted) == (records, records)
    states = count_states(pipeline.database, table=pipeline.table)
    check = next(check for check in report.checks if check.id == "B6")
    assert set(check.extra.keys) == states.keys() == {bad.sqlstate for bad in REFUSED.values()}


def test_acknowledged_reasons_are_no_break_and_said(hostiles):
    pipeline = hostiles.pipeline
    *others, last = sorted(count_states(pipeline.database, table=pipeline.table))
    for state in (*others, last):
        if state == last:
            assert pipeline.check("B6").extra.keys == (last,)
        ack = quarantine_ack(state, expires=None, reason="known", person="ann")
        assert write_ack(pipeline.objects, pipeline.table.prefix, ack)
    report = pipeline.verify()
    assert report.boundaries[1].state is State.OK
    assert report.quarantined == 3 * len(REFUSED)
    assert any("quarantine 54001 acknowledged by ann" in words for words in report.acknowledged)
