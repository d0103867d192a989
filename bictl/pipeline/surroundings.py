"""What stands around a verdict, by the configuration."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bictl.clients.topic_reach import host_and_port, is_loopback, servers

if TYPE_CHECKING:
    from bictl.clients.certificates import Endpoint
    from bictl.settings import Settings
    from bictl.verify.surroundings import Surroundings


def around(settings: "Settings") -> "Surroundings":
    """The surroundings of every table."""
    from bictl.verify.surroundings import Surroundings

    given, kafka, postgres = settings.verify, settings.kafka, settings.postgres
    return Surroundings(
        group=kafka.group,
        state_dir=settings.state_dir,
        endpoints=tuple(_endpoints(settings)),
        # not those of authorities: a bundle holds ended ones that nobody misses
        certificates=(Path(kafka.ssl_certfile).expanduser(),) if kafka.ssl_certfile else (),
        is_local=postgres.host.startswith("/") or is_loopback(postgres.host),
        settle=given.settle,
        max_lock=given.max_lock,
        max_latency=given.max_latency,
        run_every=given.run_every,
    )


def _endpoints(settings: "Settings") -> "Iterator[Endpoint]":
    """The servers that show a certificate, each once."""
    from bictl.clients.certificates import Endpoint

    if settings.kafka.security_protocol in ("SSL", "SASL_SSL"):
        for server in servers(settings.kafka):
            host, port = host_and_port(server)
            yield Endpoint(name="Kafka", host=host, port=port)
    for name, url in (
        ("the object store", settings.s3.endpoint_url),
        ("Kafka Connect", settings.connect.url),
    ):
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            yield Endpoint(name=name, host=parts.hostname, port=parts.port or 443)
    postgres = settings.postgres
    if not postgres.host.startswith("/") and postgres.sslmode != "disable":
        yield Endpoint(name="Postgres", host=postgres.host, port=postgres.port, speaks="postgres")
