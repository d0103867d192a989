"""A connection to Kafka never shows a password, and never sends one over an open wire."""

import logging
import socket
import threading

import pytest

from bictl.clients.topic_connection import connection_options
from bictl.clients.topic_reach import is_loopback
from bictl.clients.topics import TopicReader
from bictl.errors import AccessDenied, ConfigError, Unreachable
from bictl.settings import Kafka, Secret

PASSWORD = "correct horse battery"


def sasl(**changes) -> Kafka:
    values = {
        "bootstrap_servers": "127.0.0.1:1",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_username": "reader",
        "sasl_password": Secret(PASSWORD),
    }
    return Kafka(**{**values, **changes})


@pytest.mark.parametrize(
    "servers", ["kafka.example:9092", "127.0.0.1:9092,10.0.0.7:9092", "10.0.0.7", "[2001:db8::1]:9"]
)
def test_a_password_is_not_sent_unencrypted_to_another_machine(servers):
    with pytest.raises(ConfigError, match="unencrypted") as caught:
        connection_options(sasl(bootstrap_servers=servers), timeout=5)
    assert "SASL_SSL" in caught.value.hint


@pytest.mark.parametrize("servers", ["localhost:9092", "127.0.0.1:9092, 127.0.0.2:9092", "[::1]:9"])
def test_it_may_be_sent_on_this_machine(servers):
    options = connection_options(sasl(bootstrap_servers=servers), timeout=5)
    assert options["sasl_plain_password"] == PASSWORD
    assert options["sasl_mechanism"] == "SCRAM-SHA-256"


def test_over_tls_it_may_be_sent_anywhere():
    kafka = sasl(bootstrap_servers="kafka.example:9093", security_protocol="SASL_SSL")
    assert connection_options(kafka, timeout=5)["security_protocol"] == "SASL_SSL"


def test_sasl_without_a_password_says_what_is_missing():
    with pytest.raises(AccessDenied, match=r"kafka\.sasl_password"):
        connection_options(sasl(sasl_password=Secret()), timeout=5)


def test_loopback_is_a_name_or_an_address():
    assert [is_loopback(host) for host in ("localhost", "127.9.9.9", "::1")] == [True] * 3
    assert not any(is_loopback(host) for host in ("localhost.example", "0.0.0.0", "10.0.0.1", ""))


def test_no_log_holds_the_password_even_at_debug(caplog):
    logging.getLogger("kafka").setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG), pytest.raises(Unreachable) as caught:
        TopicReader(sasl(), timeout=0.5).topics()
    logging.getLogger("kafka").setLevel(logging.WARNING)
    assert PASSWORD not in caplog.text
    assert PASSWORD not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_server_that_never_answers_is_unreachable_in_time(protocol):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        reader = TopicReader(
            Kafka(bootstrap_servers=address, security_protocol=protocol), timeout=0.5
        )
        failed = []
        asking = threading.Thread(target=lambda: failed.append(outcome(reader)), daemon=True)
        asking.start()
        asking.join(10)
        assert failed == [Unreachable]


def outcome(reader: TopicReader) -> type:
    try:
        reader.topics()
    except Exception as error:
        return type(error)
    return type(None)


def test_what_came_with_the_end_of_a_connection_is_heard():
    """A broker refuses a login and hangs up: kafka-python alone would only see the hanging up."""
    from kafka.net.transport import KafkaTCPTransport

    from bictl.clients.topic_connection import _hear_last_words

    class Unread(KafkaTCPTransport):
        def __init__(self, sock: socket.socket) -> None:
            self._sock = sock

        def __str__(self) -> str:
            return "unread"

    _hear_last_words()
    ours, theirs = socket.socketpair()
    theirs.sendall(b"wrong password")
    theirs.close()
    ours.setblocking(False)
    transport = Unread(ours)
    assert transport._sock_recv() == (b"wrong password", None)
    data, error = transport._sock_recv()
    assert (data, type(error).__name__) == (b"", "KafkaConnectionError")
    ours.close()
