"""Connections of kafka-python: its options from the settings, its dangers closed off.

kafka-python writes passwords into its debug log and retries a bootstrap without saying why; both
are dealt with here. Options: https://kafka-python.readthedocs.io/en/master/apidoc/KafkaConsumer.html
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from bictl.clients.awaited import awaiting
from bictl.clients.listener import PATIENCE
from bictl.clients.topic_errors import meaning, translate
from bictl.clients.topic_reach import (
    PROBE,
    host_and_port,
    is_loopback,
    knock,
    misdirected,
    reach_hint,
    servers,
    unreached,
)
from bictl.errors import AccessDenied, BictlError, ConfigError, TimedOut, Unreachable
from bictl.settings import Kafka

_BOOTSTRAP = 10.0  # seconds: a broker that restarts is back by then, a dead one is known soon
_FETCH_BYTES = 10 * 1024 * 1024
_SHORT = 2.0  # seconds that a connection lives at least that was not a failure
_MAX_RECONNECT_MS = 1000  # the default of 30 s turns a broker's restart into half a minute


_FINAL = {AccessDenied, ConfigError}  # meanings of a refusal that another try does not change
_log = logging.getLogger("kafka")
_log.addHandler(logging.NullHandler())

_Answer = tuple[Any, BaseException | None]


class _LastWords(logging.Handler):
    """Hears why a try to connect failed: the timeout itself says nothing, and comes late.

    A refusal that no further try will change is an answer.
    """

    def __init__(self, answers: "queue.SimpleQueue[_Answer]") -> None:
        super().__init__(logging.WARNING)
        self.reason: BaseException | None = None
        self._answers = answers

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the exception out of a log record's arguments."""
        for argument in record.args if isinstance(record.args, tuple) else ():
            if not isinstance(argument, Exception):
                continue
            kind = meaning(type(argument))
            if kind in _FINAL:
                self._answers.put((None, argument))
            elif kind is Unreachable:
                self.reason = argument


def open_consumer(kafka: Kafka, *, timeout: float) -> Any:
    """A KafkaConsumer for assigned partitions at read_committed."""
    from kafka import KafkaConsumer

    consumer = _open(
        kafka,
        lambda **options: KafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",  # any policy jumps without an error
            isolation_level="read_committed",
            max_poll_records=5000,
            max_partition_fetch_bytes=_FETCH_BYTES,
            metrics_enabled=False,
            **options,
        ),
        timeout,
    )
    # 3.0 does not pass allow_auto_create_topics on: a topic deleted meanwhile would come back
    consumer._cluster.config["allow_auto_create_topics"] = False
    return consumer


def open_admin(kafka: Kafka, *, timeout: float) -> Any:
    """A KafkaAdminClient."""
    from kafka import KafkaAdminClient

    return _open(kafka, KafkaAdminClient, timeout)


def open_producer(kafka: Kafka, *, timeout: float) -> Any:
    """A KafkaProducer whose records are there once, and on every replica that has to have them."""
    from kafka import KafkaProducer

    milliseconds = max(1000, int(timeout * 1000))
    return _open(
        kafka,
        lambda **options: KafkaProducer(
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=milliseconds,
            max_block_ms=milliseconds,
            metrics_enabled=False,
            **options,
        ),
        timeout,
    )


def _open(kafka: Kafka, connect: Callable[..., Any], timeout: float) -> Any:
    _log.setLevel(max(_log.level, logging.WARNING))  # DEBUG prints sasl_plain_password
    doing = f"connect to Kafka at {kafka.bootstrap_servers}"
    options = connection_options(kafka, timeout=timeout)
    server = knock(kafka, doing, min(timeout, PROBE))
    _hear_last_words()
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
    words, began = _LastWords(answers), _Began()
    _log.addHandler(words)
    try:
        threading.Thread(
            target=_answer,
            args=(answers, lambda: connect(kafka_client=began, **options)),
            daemon=True,
        ).start()
        patience = options["bootstrap_timeout_ms"] / 1000 + 1
        with awaiting(f"Kafka at {kafka.bootstrap_servers}"):
            client, error = _first(answers, kafka, server, patience)
    finally:
        _log.removeHandler(words)
    if error is not None:
        began.end()
        if isinstance(error, BictlError):
            raise error
        raise _failure(kafka, server, doing, error, words.reason) from error
    advertised = {(str(one.host), int(one.port)) for one in _cluster(client).brokers()}
    if (lost := unreached(kafka, advertised, min(timeout, PROBE))) is not None:
        client.close()
        raise lost
    return client


def _cluster(client: Any) -> Any:
    """What the client knows of its cluster: a producer keeps it elsewhere."""
    return client._metadata if hasattr(client, "_metadata") else client._manager.cluster


def _first(
    answers: "queue.SimpleQueue[_Answer]", kafka: Kafka, server: tuple[str, int], timeout: float
) -> _Answer:
    """The answer, or why there will be none: kafka-python tries on whatever listens there, and its
    own deadline does not cover a TLS handshake that nobody answers."""
    import kafka.errors as vendor

    try:
        return answers.get(timeout=min(timeout, PATIENCE))
    except queue.Empty:
        if (error := misdirected(kafka, server)) is not None:
            return None, error
    try:
        return answers.get(timeout=max(0.0, timeout - PATIENCE))
    except queue.Empty:
        return None, vendor.KafkaTimeoutError("no answer")


class _Began:
    """What a client connects with, at hand before the client is: else a refused login would be
    tried again and again behind our back."""

    def __init__(self) -> None:
        self._clients: list[Any] = []

    def __call__(self, **options: Any) -> Any:
        from kafka.net.compat import KafkaNetClient

        self._clients.append(KafkaNetClient(**options))
        _wait_after_failures(self._clients[-1]._manager)
        return self._clients[-1]

    def end(self) -> None:
        """Closes it."""
        for client in self._clients:
            client.close()


def _wait_after_failures(manager: Any) -> None:
    """A connection that ended before the broker said a word, or soon after, counts as failed.

    kafka-python 3.0 takes it for made and comes back at once, many times a second: so it went
    against a proxy without a broker behind it, and against one that cuts each answer off.
    """
    forget = manager.reset_backoff

    def forget_if_it_lasts(node: Any) -> None:
        connection = manager._conns.get(node)
        if connection is None or not connection.connected:
            manager.update_backoff(node)
            return
        made, failures = time.monotonic(), manager._backoff.get(node)
        forget(node)

        def count(_: object) -> None:
            if time.monotonic() - made < _SHORT:
                if failures is not None:
                    manager._backoff[node] = failures
                manager.update_backoff(node)

        connection.close_future.add_both(count)

    manager.reset_backoff = forget_if_it_lasts


@cache
def _hear_last_words() -> None:
    """Lets a connection deliver what came before it ended.

    kafka-python 3.0 throws away bytes that arrive together with the end of the connection: with
    them the broker's reason for refusing a login, which then looks like a broker that is down.
    """
    from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

    for kind in (KafkaTCPTransport, KafkaSSLTransport):
        kind._sock_recv = _data_first(kind._sock_recv)


_Receive = Callable[[Any], tuple[bytes, Exception | None]]


def _data_first(receive: _Receive) -> _Receive:
    def receive_data_first(transport: Any) -> tuple[bytes, Exception | None]:
        data, error = receive(transport)
        return data, None if data else error  # the end is still there at the next call

    return receive_data_first


def _answer(answers: "queue.SimpleQueue[_Answer]", connect: Callable[[], Any]) -> None:
    try:
        answers.put((connect(), None))
    except BaseException as error:  # for the thread that waits
        answers.put((None, error))


def _failure(
    kafka: Kafka,
    server: tuple[str, int],
    doing: str,
    error: BaseException,
    reason: BaseException | None,
) -> BictlError:
    kind = meaning(type(error))
    if kind is None:  # of the options, before anything was sent
        return ConfigError(f"{doing}: {error}", hint="correct [kafka] (bictl config show)")
    found = misdirected(kafka, server) if kind in (Unreachable, TimedOut, ConfigError) else None
    if found is not None:
        return found
    if issubclass(kind, Unreachable):
        words = reason or f"it listens, but gives no answer of a {kafka.security_protocol} broker"
        return Unreachable(f"{doing}: {words}", hint=reach_hint(kafka))
    return translate(error, doing=doing)


def connection_options(kafka: Kafka, *, timeout: float) -> dict[str, Any]:
    """The options that every client of kafka-python takes; ConfigError for unsafe ones."""
    options: dict[str, Any] = {
        "bootstrap_servers": servers(kafka),
        "client_id": "bictl",
        "security_protocol": kafka.security_protocol,
        "bootstrap_timeout_ms": int(min(timeout, _BOOTSTRAP) * 1000),
        "request_timeout_ms": max(1000, int(timeout * 1000)),
        "reconnect_backoff_max_ms": _MAX_RECONNECT_MS,
    }
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        if value := getattr(kafka, name):
            options[name] = value
    if kafka.security_protocol.startswith("SASL_"):
        _refuse_plain(kafka)
        options["sasl_mechanism"] = kafka.sasl_mechanism or "PLAIN"
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = _password(kafka)
    return options


def _password(kafka: Kafka) -> str:
    password = kafka.sasl_password.reveal()
    if not kafka.sasl_username or password is None:
        raise AccessDenied(
            f"{kafka.security_protocol} needs kafka.sasl_username and kafka.sasl_password",
            hint="set both; the password also by kafka.sasl_password_file or _command",
        )
    return password


def _refuse_plain(kafka: Kafka) -> None:
    """No password over an open wire."""
    if kafka.security_protocol != "SASL_PLAINTEXT":
        return
    for server in servers(kafka):
        host, _ = host_and_port(server)
        if not is_loopback(host):
            raise ConfigError(
                f"SASL_PLAINTEXT would send the password for {host} unencrypted",
                hint='set kafka.security_protocol = "SASL_SSL"',
            )
