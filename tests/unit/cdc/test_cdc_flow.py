"""What a connector's topics tell: the newest event, and where a snapshot began."""

import json
from types import SimpleNamespace

import pytest

from bictl.cdc.flow import flow
from bictl.clients.topics import Chunk, Offsets
from bictl.errors import NotFound, Unreachable
from bictl.records import Topic

CONFIG = {"topic.prefix": "cord", "signal.data.collection": "dbo.signal"}


class Topics:
    """A reader of topics in memory: by name the values of one partition, None a tombstone."""

    def __init__(self, **topics: list) -> None:
        self.topics = {f"cord.{name}": values for name, values in topics.items()}
        self.asked = 0

    def describe(self, topic: str) -> Topic:
        if topic not in self.topics:
            raise NotFound("topic", topic)
        return Topic(topic, "cluster", None, (0,))

    def offsets(self, topic: str, parts: tuple[int, ...]) -> dict[int, Offsets]:
        end = len(self.topics[topic])
        return {part: Offsets(0, end, end) for part in parts}

    def read(self, topic: str, partition: int, *, first: int, end: int):
        records = [self._record(topic, offset) for offset in range(first, end)]
        yield Chunk(records, end)

    def first_after(self, topic: str, partition: int, offset: int, *, known: Offsets):
        self.asked += 1
        return self._record(topic, offset)

    def _record(self, topic: str, offset: int) -> SimpleNamespace:
        value = self.topics[topic][offset]
        return SimpleNamespace(offset=offset, value=None if value is None else json.dumps(value))


def event(mark: str, at: int, lsn: int = 1, captured: int = 0) -> dict:
    return {
        "op": "u" if mark == "false" else "r",
        "ts_ms": captured or at + 750,
        "source": {"snapshot": mark, "ts_ms": at, "lsn": lsn},
    }


def snapshot(rows: int, at: int, *, end: str = "true") -> list[dict]:
    middle = [event("true", at, at) for _ in range(rows - 2)]
    return [event("first", at, at), *middle, event(end, at, at)]


def tell(reader: Topics, *names: str):
    return flow(reader, names or tuple(reader.topics), CONFIG)


def test_the_newest_change_tells_when_it_was_and_how_late_it_was_captured():
    found = tell(Topics(a=[event("false", 1000)], b=[event("false", 9000), None]))
    assert (found.at.timestamp(), found.delay, found.snapshot) == (9.0, 0.75, "")


@pytest.mark.parametrize("before", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("rows", [2, 3, 5, 64, 65, 1000])
def test_a_running_snapshot_is_counted_from_its_first_record(before, rows):
    reader = Topics(a=[event("false", 5)] * before + snapshot(rows, 1000))
    found = tell(reader)
    assert found.snapshot == f"cord.a 0:{before}: {rows:,} records so far"
    assert found.reading
    assert reader.asked <= 24


def test_a_snapshot_right_behind_another_one_is_told_from_it():
    found = tell(Topics(a=[*snapshot(50, 1000, end="last"), *snapshot(20, 2000)]))
    assert found.snapshot == "cord.a 0:50: 20 records so far"


def test_a_table_is_through_while_the_next_one_is_read():
    done = snapshot(9, 1000, end="last_in_data_collection")
    found = tell(Topics(a=done, b=snapshot(4, 1000)))
    assert found.snapshot == "cord.b 0:0: 4 records so far"
    assert tell(Topics(a=done)).snapshot == "complete"
    assert tell(Topics(a=snapshot(9, 1000, end="last"))).snapshot == "complete"


def test_a_snapshot_that_broke_off_long_ago_is_not_running():
    found = tell(Topics(a=snapshot(9, 1000), b=[event("false", 2000)]))
    assert (found.snapshot, found.reading) == ("", False)


def test_the_connectors_own_topics_and_those_that_are_gone_tell_nothing():
    reader = Topics(a=[event("false", 1000)])
    reader.topics |= {"cord": [{"databaseName": "x"}], "cord.dbo.signal": [event("false", 9000)]}
    found = tell(reader, *reader.topics, "cord.gone", "__debezium-heartbeat.cord")
    assert found.at.timestamp() == 1.0
    assert tell(Topics(a=[None])).at is None


def test_a_silent_kafka_is_said_and_no_reason_to_fail():
    reader = Topics(a=[])
    reader.describe = lambda topic: (_ for _ in ()).throw(Unreachable("no Kafka"))
    assert tell(reader).unknown == "no Kafka"
    assert flow(None, ("cord.a",), CONFIG).unknown == ""
