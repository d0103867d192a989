"""What stands around a verdict, by the configuration."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bictl.clients.topic_reach import host_and_port, is_loopback, servers

if TYPE_CHECKING:
    from bictl.cdc.source import Source
    from bictl.clients.certificates import Endpoint
    from bictl.pipeline.work import Work
    from bictl.settings import Settings, Table
    from bictl.verify.surroundings import Surroundings


def around(work: "Work", table: "Table", *, expected_rows: int | None = None) -> "Surroundings":
    """The surroundings of a table; `expected_rows` is what somebody counted at its source."""
    from bictl.verify.surroundings import Surroundings

    settings = work.settings
    given, kafka, postgres = settings.verify, settings.kafka, settings.postgres
    has_source = bool(settings.source.host or settings.sqlserver.host)
    return Surroundings(
        source=partial(_source, work, table) if has_source else None,
        expected_rows=expected_rows,
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


def _source(work: "Work", table: "Table") -> "Source":
    """The table at its source, beside the connector that reads it."""
    from bictl.cdc.source import Place
    from bictl.cdc.source.check import committed
    from bictl.cdc.source.postgres import PostgresSource, reader_of
    from bictl.cdc.source.sqlserver import SqlServerSource

    clients, place = work.clients, Place.of(table)
    worker = clients.connect() if work.settings.connect.url else None
    if work.settings.source.host:
        return PostgresSource(
            clients.source_database(place.database),
            place,
            key=table.key,
            name=table.name,
            reader=lambda: reader_of(worker, topic=table.topic),
        )
    return SqlServerSource(
        clients.source,
        place,
        key=table.key,
        committed=lambda: (
            None
            if worker is None
            else committed(worker, topic=table.topic, database=place.database)
        ),
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
