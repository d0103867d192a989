"""Connections of kafka-python: its options from the settings, its dangers closed off.

kafka-python writes passwords into its debug log and retries a bootstrap without saying why; both
are dealt with here. Options: https://kafka-python.readthedocs.io/en/master/apidoc/KafkaConsumer.html
"""

import ipaddress
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from bictl.clients.topic_errors import meaning, translate
from bictl.errors import AccessDenied, BictlError, ConfigError, TimedOut, Unreachable
from bictl.settings import Kafka

_BOOTSTRAP = 10.0  # seconds: a broker that restarts is back by then, a dead one is known soon
_FETCH_BYTES = 10 * 1024 * 1024
_MAX_RECONNECT_MS = 1000  # the default of 30 s turns a broker's restart into half a minute

_log = logging.getLogger("kafka")
_log.addHandler(logging.NullHandler())


class _LastWords(logging.Handler):
    """Keeps the newest reason why a try to connect failed: the timeout itself says nothing."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the exception out of a log record's arguments."""
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(argument, Exception) and meaning(type(argument)) is not TimedOut:
                self.error = argument


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


def _open(kafka: Kafka, connect: Callable[..., Any], timeout: float) -> Any:
    import kafka.errors as vendor

    _log.setLevel(max(_log.level, logging.WARNING))  # DEBUG prints sasl_plain_password
    words = _LastWords()
    _log.addHandler(words)
    doing = f"connect to Kafka at {kafka.bootstrap_servers}"
    options = connection_options(kafka, timeout=timeout)
    try:
        return _in_time(lambda: connect(**options), options["bootstrap_timeout_ms"] / 1000 + 1)
    except vendor.KafkaTimeoutError as error:
        raise _no_bootstrap(kafka, words.error or error, doing) from error
    except vendor.KafkaError as error:
        raise translate(error, doing=doing) from error
    except (ValueError, AssertionError, OSError) as error:
        raise ConfigError(
            f"{doing}: {error}", hint="correct [kafka] (bictl config show)"
        ) from error
    finally:
        _log.removeHandler(words)


def _in_time(connect: Callable[[], Any], seconds: float) -> Any:
    """What `connect` gives. Its own deadline does not cover a TLS handshake with a peer that does
    not speak TLS: that would wait for ever."""
    import kafka.errors as vendor

    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((connect(), None))
        except BaseException as error:  # handed to the waiting thread
            answers.put((None, error))

    threading.Thread(target=run, daemon=True, name="kafka-connect").start()
    try:
        client, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise vendor.KafkaTimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return client


def _no_bootstrap(kafka: Kafka, reason: BaseException, doing: str) -> BictlError:
    kind = meaning(type(reason))
    if kind in {AccessDenied, ConfigError}:
        return translate(reason, doing=doing)
    return Unreachable(f"{doing}: {reason}", hint=_hint(kafka))


def connection_options(kafka: Kafka, *, timeout: float) -> dict[str, Any]:
    """The options that every client of kafka-python takes; ConfigError for unsafe ones."""
    options: dict[str, Any] = {
        "bootstrap_servers": [part.strip() for part in kafka.bootstrap_servers.split(",")],
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
    for server in kafka.bootstrap_servers.split(","):
        host = server.strip().rpartition(":")[0].strip("[]") or server.strip()
        if not is_loopback(host):
            raise ConfigError(
                f"SASL_PLAINTEXT would send the password for {host} unencrypted",
                hint='set kafka.security_protocol = "SASL_SSL"',
            )


def is_loopback(host: str) -> bool:
    """Whether a host's name or address stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _hint(kafka: Kafka) -> str:
    if kafka.bootstrap_servers == Kafka.bootstrap_servers:
        return (
            "nothing is configured but the default address: start the local stack with "
            "`bictl stack up`, or set kafka.bootstrap_servers"
        )
    return "is the broker up, and kafka.bootstrap_servers right? (bictl doctor)"
