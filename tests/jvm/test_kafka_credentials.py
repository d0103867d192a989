"""Who a broker lets in: wrong credentials and missing rights are told, never the secret."""

import time
from dataclasses import replace

import pytest
from ingested import records
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from bictl.clients.topics import TopicReader
from bictl.errors import AccessDenied, ConfigError
from bictl.ops.logs import set_up_logs
from bictl.settings import Kafka, Secret

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(120)]


@pytest.fixture
def settings(settings, broker):
    """The test's settings with that broker."""
    return replace(settings, kafka=Kafka(bootstrap_servers=broker.address))


@pytest.fixture
def reader(broker):
    """`reader(password, …)`: a reader that logs in."""
    opened = []

    def open_reader(password: str, **changes) -> TopicReader:
        values = {
            "bootstrap_servers": broker.sasl_address,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_username": "reader",
            "sasl_password": Secret(password),
        }
        opened.append(TopicReader(Kafka(**{**values, **changes}), timeout=20))
        return opened[-1]

    yield open_reader
    for one in opened:
        one.close()


@pytest.fixture(autouse=True)
def logs():
    """As in a command without -v: a refusal is heard in the client's log, whatever is shown."""
    set_up_logs()


def allow(admin, operation: ACLOperation, topic: str) -> None:
    admin.create_acls(
        [
            ACL(
                principal="User:reader",
                host="*",
                operation=operation,
                permission_type=ACLPermissionType.ALLOW,
                resource_pattern=ResourcePattern(ResourceType.TOPIC, topic),
            )
        ]
    )


def test_a_wrong_password_is_denied_soon_and_not_shown(reader):
    started = time.monotonic()
    with pytest.raises(AccessDenied) as caught:
        reader("wrong-S3CR3T").topics()
    assert time.monotonic() - started < 10
    assert caught.value.exit_code == 2
    assert "wrong-S3CR3T" not in f"{caught.value.message} {caught.value.hint}"
    assert "kafka.sasl_username" in caught.value.hint


def test_the_command_says_so_too(broker, cli):
    given = {
        "BICTL_KAFKA_BOOTSTRAP_SERVERS": broker.sasl_address,
        "BICTL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "BICTL_KAFKA_SASL_MECHANISM": "PLAIN",
        "BICTL_KAFKA_SASL_USERNAME": "reader",
        "BICTL_KAFKA_SASL_PASSWORD": "wrong-S3CR3T",
    }
    started = time.monotonic()
    done = cli("ingest", env=given)
    assert time.monotonic() - started < 10
    assert done.exit_code == 2
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith(f"error: connect to Kafka at {broker.sasl_address}: ")
    assert "SaslAuthenticationFailed" in error
    assert hint.startswith("hint: correct kafka.sasl_username and its password")
    assert "S3CR3T" not in done.stderr


def test_a_mechanism_that_the_broker_has_not_is_a_matter_of_configuration(reader):
    with pytest.raises(ConfigError, match="UnsupportedSaslMechanism"):
        reader("reader-secret", sasl_mechanism="SCRAM-SHA-512").topics()


def test_rights_are_missing_until_they_are_given(reader, create, produce, admin, table, run, lines):
    create()
    produce(table.topic, records(5))
    with pytest.raises(AccessDenied, match="TopicAuthorizationFailed"):
        reader("reader-secret").describe(table.topic)

    allow(admin, ACLOperation.DESCRIBE, table.topic)
    described = reader("reader-secret")
    with pytest.raises(AccessDenied):
        run(reader=described)
    assert lines() == []

    allow(admin, ACLOperation.READ, table.topic)
    assert run(reader=reader("reader-secret")).records == 5
