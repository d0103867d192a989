"""The bed of the faults: one platform a session, made by bictl's own commands, and copies of it.

A copy is a database from a template and a bucket copied object by object; the topic is only read,
so all copies share it. The database keeps its name from fault to fault: dbt parses its project
once.
"""

import contextlib
import io
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import boto3
from databases import administer, drop_database
from environment import plain_environment
from facts import BATCH, PREFIX, Facts
from pipelines import Pipeline

from bictl import settings as configured
from bictl.clients import Clients
from bictl.clients.database import Database
from bictl.local.postgres import SUPERUSER
from bictl.local.state import load as load_state
from bictl.settings import Settings
from bictl.settings.secret import Secret

_MINUTES = 60_000  # milliseconds


@dataclass(frozen=True)
class Completed:
    """A command that ended."""

    stdout: str
    stderr: str
    exit_code: int


@dataclass
class Bed(Pipeline):
    """A pipeline to be damaged: its systems, what was produced, and bictl's commands on it.

    `given` are variables of the environment for those, `clock` is how far theirs is off, as
    faketime writes it; `ends` is what a fault leaves to be closed, `stack` the directory of the
    services' own stack, `ends_at` the partitions that a fault has made longer.
    """

    facts: Facts
    given: dict[str, str] = field(default_factory=dict)
    clock: str = ""
    ends: ExitStack = field(default_factory=ExitStack)
    stack: Path = Path()
    ends_at: dict[int, int] = field(default_factory=dict)

    @property
    def s3(self):
        """The store, without bictl."""
        return store(self.settings)

    @property
    def bucket(self) -> str:
        return self.settings.s3.bucket

    def bictl(self, *words: str) -> Completed:
        """A command: what it writes, and its exit code."""
        if self.clock:
            return run_at(self.settings, words, clock=self.clock, given=self.given)
        return run_here(self.settings, words, given=self.given)

    def superuser(self, statement: str) -> None:
        """Runs a statement in the bed's database as the server's own superuser."""
        secret = Secret(load_state(self.stack).secrets["postgres_superuser"])
        postgres = replace(self.settings.postgres, user=SUPERUSER, password=secret)
        with Database(postgres) as database:
            database.execute(statement)

    def verdict(self, level: str = "default") -> dict:
        """`bictl verify --json` at that level."""
        options = [] if level == "default" else [f"--{level}"]
        done = self.bictl("verify", "--table", "product", *options, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    # Objects, by their names and bytes alone.

    def listed(self, prefix: str = PREFIX) -> list[str]:
        """Everything under a prefix."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def key(self, partition: int, first: int) -> str:
        """The batch that begins there."""
        name = f"/partition={partition:05d}/batch={first:020d}.jsonl.gz"
        (found,) = [key for key in self.listed() if key.endswith(name)]
        return found

    @property
    def life(self) -> str:
        """The generation, as the keys say it."""
        return re.search(r"generation=([^/]+)/", self.listed()[0])[1]

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        """An object's bytes and metadata."""
        found = self.s3.get_object(Bucket=self.bucket, Key=key)
        return found["Body"].read(), found["Metadata"]

    def write(self, key: str, body: bytes, metadata: dict[str, str]) -> None:
        """Puts an object over whatever stands there."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=metadata)

    def remove(self, *keys: str) -> None:
        """Deletes objects."""
        for key in keys:
            self.s3.delete_object(Bucket=self.bucket, Key=key)


def store(settings: Settings):
    """A client of the store."""
    return boto3.client(
        "s3",
        endpoint_url=settings.s3.endpoint_url,
        region_name=settings.s3.region,
        aws_access_key_id=settings.s3.access_key_id,
        aws_secret_access_key=settings.s3.secret_access_key.reveal(),
    )


def run_here(
    settings: Settings,
    words: tuple[str, ...] | list[str],
    *,
    given: Mapping[str, str] = MappingProxyType({}),
) -> Completed:
    """A command of bictl in this process: a process of its own would cost a second each."""
    from bictl.cli.main import _run

    given = {**_environment(settings), **given}
    kept = {name: value for name, value in os.environ.items() if name.startswith("BICTL_")}
    out, err = io.StringIO(), io.StringIO()
    for name in kept:
        del os.environ[name]
    os.environ.update(given)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _run(list(words))
    finally:
        for name in given:
            os.environ.pop(name, None)
        os.environ.update(kept)
    return Completed(out.getvalue(), err.getvalue(), code)


def run_at(
    settings: Settings, words: tuple[str, ...], *, clock: str, given: Mapping[str, str]
) -> Completed:
    """A command in a process of its own, whose clock is off."""
    done = subprocess.run(
        ["faketime", "-f", clock, sys.executable, "-m", "bictl", *words],
        env={**plain_environment(), **_environment(settings), **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Completed(done.stdout, done.stderr, done.returncode)


def _environment(settings: Settings) -> dict[str, str]:
    return {"BICTL_CONFIG": str(settings.path), "BICTL_STATE_DIR": str(settings.state_dir)}


@dataclass(frozen=True)
class Ground:
    """Where beds are made: a stack's settings, and a directory for the configurations."""

    shared: Settings
    directory: Path

    def settings(self, name: str, *, topic: str, database: str = "", bucket: str = "") -> Settings:
        """Settings in a file of their own, as an operator has them."""
        text = self.shared.path.read_text(encoding="utf-8")
        database, bucket = database or name, bucket or name
        for default, own in (
            ('dbname = "analytics"', f'dbname = "{database}"'),
            ('bucket = "cord-raw"', f'bucket = "{bucket}"'),
            ('"cord.ConcordDb.dbo.Product"', f'"{topic}"'),
        ):
            assert text.count(default) == 1
            text = text.replace(default, own)
        path = self.directory / f"{name}.toml"
        path.touch(mode=0o600)
        path.write_text(f"{text}\n[ingest]\nbatch_records = {BATCH}\n", encoding="utf-8")
        state = self.directory / f"state-{database}"
        return configured.load(config=str(path), environment={"BICTL_STATE_DIR": str(state)})

    def platform(self, facts: Facts, name: str = "") -> Settings:
        """A whole pipeline by the commands that an operator runs; its one refused record is
        acknowledged."""
        name = name or f"f{secrets.token_hex(6)}"
        settings = self.settings(name, topic=f"cord.{name}.dbo.Product")
        store(settings).create_bucket(Bucket=name)
        administer(self.shared, f"create database {name}")
        produce(settings, facts)
        for words in (
            ["run"],
            [
                *("ack", "--table", "product", "--quarantine", "22P02", "--person", "ann"),
                *("--reason", "cut off by the vendor's own test"),
            ],
            ["verify"],
        ):
            done = run_here(settings, words)
            assert done.exit_code in (0, 3), (words, done)
        return settings

    def empty(self, name: str) -> Settings:
        """bictl's tables, bronze and the staging view, and no record."""
        name = f"{name}{secrets.token_hex(4)}"
        settings = self.settings(name, topic=f"cord.{name}.dbo.Product")
        store(settings).create_bucket(Bucket=name)
        administer(self.shared, f"create database {name}")
        produce(settings, Facts([]))
        done = run_here(settings, ["run"])
        assert done.exit_code == 0, done
        return settings

    def fill(self, of: Settings, facts: Facts) -> Settings:
        """A copy of an empty one with a topic of its own, through which the facts went."""
        name, database = f"f{secrets.token_hex(6)}", f"{of.postgres.dbname}_bed"
        drop_database(self.shared, database)
        administer(self.shared, f"create database {database} template {of.postgres.dbname}")
        topic = f"cord.{name}.dbo.Product"
        settings = self.settings(name, topic=topic, database=database)
        store(settings).create_bucket(Bucket=name)
        produce(settings, facts)
        for stage in ("ingest", "load-bronze", "embed", "verify"):
            done = run_here(settings, [stage])
            assert done.exit_code == 0, (stage, done)
        return settings

    def copy(self, of: Settings, database: str) -> Settings:
        """A copy in a database of that name, and in a bucket of its own."""
        name = f"f{secrets.token_hex(6)}"
        topic = of.table("product").topic
        drop_database(self.shared, database)
        administer(self.shared, f"create database {database} template {of.postgres.dbname}")
        settings = self.settings(name, topic=topic, database=database)
        s3 = store(settings)
        s3.create_bucket(Bucket=name)
        for item in s3.list_objects_v2(Bucket=of.s3.bucket)["Contents"]:
            found = s3.get_object(Bucket=of.s3.bucket, Key=item["Key"])
            s3.put_object(
                Bucket=name,
                Key=item["Key"],
                Body=found["Body"].read(),
                Metadata=found["Metadata"],
            )
        return settings


def produce(settings: Settings, facts: Facts, *, first: int = 0) -> None:
    """Writes the facts' records to the settings' topic, which is made."""
    from kafka.admin import KafkaAdminClient

    topic, servers = settings.table("product").topic, settings.kafka.bootstrap_servers
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        options = {"num_partitions": facts.partitions, "replication_factor": 1}
        admin.create_topics({topic: options}, wait_for_metadata=True)
    send(settings, facts.records.values())


def send(settings: Settings, records) -> None:
    """Writes records to their partitions, in their order."""
    from kafka import KafkaProducer

    topic, servers = settings.table("product").topic, settings.kafka.bootstrap_servers
    with closing(KafkaProducer(bootstrap_servers=servers, linger_ms=50)) as producer:
        for one in records:
            producer.send(
                topic,
                key=one.key,
                value=one.value,
                headers=list(one.headers),
                timestamp_ms=one.timestamp,
                partition=one.partition,
            )
        producer.flush(30)


def an_hour_ago() -> int:
    """When the platform's records were written, in milliseconds."""
    return int(time.time() * 1000) - 60 * _MINUTES


@contextlib.contextmanager
def opened(settings: Settings, facts: Facts, *, stack: Path = Path()) -> Iterator[Bed]:
    """The bed with its clients, closed behind it."""
    with Clients(settings) as clients, ExitStack() as ends:
        yield Bed(settings, clients, facts, ends=ends, stack=stack)


__all__ = ["Bed", "Callable", "Ground", "drop_database", "opened", "run_here"]
