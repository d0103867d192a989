"""doctor and the first mistakes on a real Kafka: logins, retention, limits."""

import time

import pytest
from ingested import records

from bictl.clients import Clients
from bictl.clients.topics import TopicReader
from bictl.doctor.kafka import kafka
from bictl.doctor.probe import answers
from bictl.errors import ConfigError
from bictl.settings import Kafka, Secret

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(120)]
DAY = 86_400_000  # milliseconds


def found_in(settings):
    with Clients(settings, timeout=20) as clients:
        return {one.what.split(" ")[0]: one for one in answers("kafka", kafka(clients))}


def aged(count: int, age: int) -> list[tuple]:
    now = int(time.time() * 1000)
    return [
        (key, value, headers, now - age, part) for key, value, headers, _, part in records(count)
    ]


def test_a_broker_that_wants_a_login_is_told_with_its_mechanisms(broker):
    reader = TopicReader(Kafka(bootstrap_servers=broker.sasl_address), timeout=20)
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        reader.topics()
    assert time.monotonic() - started < 10
    assert caught.value.message == (
        f"kafka.security_protocol is PLAINTEXT, but the broker at {broker.sasl_address} speaks "
        "SASL_PLAINTEXT"
    )
    assert caught.value.hint == (
        'set kafka.security_protocol = "SASL_PLAINTEXT" with kafka.sasl_mechanism (one of PLAIN), '
        "sasl_username and sasl_password_file"
    )


def test_a_login_where_the_broker_has_none_is_told(broker):
    given = Kafka(
        bootstrap_servers=broker.address,
        security_protocol="SASL_PLAINTEXT",
        sasl_username="reader",
        sasl_password=Secret("reader-secret"),
    )
    with pytest.raises(ConfigError, match="speaks PLAINTEXT"):
        TopicReader(given, timeout=20).topics()


def test_a_real_broker_is_well_and_a_fetch_agrees_with_its_ends(settings, create, produce, table):
    create(2)
    produce(table.topic, aged(50, 0), 2)
    found = found_in(settings)
    assert {one.state for one in found.values()} == {"ok"}
    assert found["ends"].detail == "50 offsets; a fetch says the same"
    assert "cluster" in found["topic"].detail


def test_records_that_are_soon_discarded_unread_are_warned_about(
    settings, create, produce, table, run
):
    create(1, retention_ms=8 * DAY)
    produce(table.topic, aged(5, 7 * DAY))
    found = found_in(settings)["keeping"]
    assert (found.state, found.detail) == (
        "warn",
        "kept for 8 d, the oldest unread record is 7 d old",
    )
    assert found.hint.startswith("bictl ingest --table product")
    run()
    assert found_in(settings)["keeping"].detail == "kept for 8 d, nothing unread"


def test_a_compacted_topic_and_too_large_records_are_told(settings, create, table):
    create(1, cleanup_policy="compact")
    assert found_in(settings)["keeping"].detail == (
        "cleanup.policy compact, no record is discarded by its age"
    )


def test_a_topic_that_takes_larger_records_than_bronze_is_warned_about(settings, create, table):
    create(1, max_message_bytes=32 << 20)
    found = found_in(settings)["keeping"]
    assert found.state == "warn"
    assert found.hint == ("larger ones go to quarantine: set max.message.bytes to 16777216 or less")
