"""K3, K7, K8 and K9 on a real Kafka: what it tells of commits, room, transactions and settings."""

import time
from contextlib import closing

import pytest
from hanging import abort_hanging, begin_hanging
from ingested import records
from kafka import KafkaProducer

from bictl.records import Range
from bictl.verify import verify
from bictl.verify.surroundings import Surroundings

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(180)]
DAY, HOUR = 86_400_000, 3_600_000  # milliseconds
GROUP = "bictl"


@pytest.fixture
def look(settings, clients, table):
    """`look("K3")`: one check of a verdict."""

    def judge(name, max_lag=settings.verify.max_lag, **limits):
        report = verify(
            clients.reader,
            clients.objects,
            clients.database,
            table=table,
            staging_schema=settings.dbt.view_schema,
            model=settings.embedding.model,
            max_lag=max_lag,
            select=[name],
            around=Surroundings(group=GROUP, **limits),
        )
        [check] = report.checks
        return check

    return judge


def aged(count, age):
    now = int(time.time() * 1000)
    return [
        (key, value, headers, now - age, part) for key, value, headers, _, part in records(count)
    ]


def test_a_real_broker_is_well(create, produce, table, run, look):
    create(2)
    produce(table.topic, aged(20, 0), 2)
    for name in ("K3", "K7", "K8", "K9"):
        assert look(name).state == "ok", name
    run()
    found = look("K3")
    assert (found.state, found.evaluated) == ("ok", 1)  # all of it is in partition 0


def test_a_commit_above_the_frontier_names_the_offsets(create, produce, table, run, look, clients):
    create(1)
    produce(table.topic, aged(20, 0))
    run()
    clients.reader.commit(GROUP, table.topic, {0: 27})
    found = look("K3")
    assert (found.state, found.extra.ranges) == ("fail", (Range(0, 20, 27),))
    produce(table.topic, aged(10, 0))
    run()  # the way on is to ingest: it commits what it sealed
    assert look("K3").state == "ok"


def test_room_ends_by_age_and_by_size(create, produce, table, look, admin, run):
    create(1, retention_ms=8 * DAY)
    produce(table.topic, aged(5, 7 * DAY))
    found = look("K7")
    assert (found.state, found.extra.ranges) == ("warn", (Range(0, 0, 5),))
    assert "kept for 8 d, the oldest record that is not ingested is 7 d old" in found.message
    assert look("K7", run_every=6 * 3600).state == "warn"
    assert look("K7", run_every=2 * 86400).state == "fail"  # it is gone before the next run
    run()
    assert look("K7").state == "ok"


def test_a_log_that_is_kept_by_size_is_measured_on_the_brokers_disk(create, produce, table, look):
    create(1, retention_bytes=1000)
    produce(table.topic, aged(200, 0))
    found = look("K7")
    assert found.state == "fail"
    assert "keeps 1000 bytes" in found.message
    assert found.hint.endswith("raise the topic's retention.bytes")


def send_old(producer, topic, count):
    """Records from an hour ago, as whoever copies a topic sends them."""
    old = int(time.time() * 1000) - HOUR
    for number in range(count):
        producer.send(topic, value=b"{}", partition=0, timestamp_ms=old + number)
    producer.flush()


def test_a_hanging_transaction_is_named_with_its_producer_and_the_command(
    settings, create, produce, table, look
):
    create(1)
    produce(table.topic, aged(3, 0))
    servers, old = settings.kafka.bootstrap_servers, int(time.time() * 1000) - HOUR
    record = {"value": b"{}", "partition": 0, "timestamp_ms": old}
    begin_hanging(servers, table.topic, [record] * 4)
    found = look("K8")
    assert (found.state, found.missing.ranges) == ("fail", (Range(0, 3, 7),))
    assert "its last record is 60 min old" in found.message
    assert found.hint.endswith(f"--topic {table.topic} --partition 0 --start-offset 3")
    abort_hanging(servers, table.topic, 0)
    assert look("K8").state == "ok"


def test_old_records_make_no_old_transaction(settings, create, produce, table, look):
    create(1)
    produce(table.topic, aged(3, 0))
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, transactional_id=table.topic
    )
    with closing(producer):
        producer.init_transactions()
        producer.begin_transaction()
        send_old(producer, table.topic, 4)
        found = look("K8")
        assert (found.state, "begun" in found.message) == ("ok", True)
        slow = look("K8", max_lag=0)
        assert (slow.state, slow.missing.ranges) == ("warn", (Range(0, 3, 7),))
        producer.abort_transaction()


def test_a_young_transaction_is_no_alarm(settings, create, table, look):
    create(1)
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, transactional_id=table.topic
    )
    with closing(producer):
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(table.topic, value=b"{}")
        producer.flush()
        found = look("K8")
        assert (found.state, "is open at 0:0" in found.message) == ("ok", True)
        producer.commit_transaction()


def test_settings_by_which_records_vanish_unread_are_told(create, look):
    create(1, cleanup_policy="compact")
    found = look("K9")
    assert found.state == "warn"
    assert found.hint.endswith("--add-config min.compaction.lag.ms=300000")


def test_a_day_is_the_least_that_records_are_kept(create, look):
    create(1, retention_ms=DAY - 1)
    assert look("K9").actual == "records are kept for 24 h only"
