"""What every test stands on: an embedded stack per worker, and fresh names in it for each test.

Nothing is left behind, also after Ctrl-C: the controlling process ends the stacks of its workers,
and the next session those of a session that was killed.
"""

import gzip
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from databases import administer, drop_database
from environment import plain_environment

from bictl import settings as configured
from bictl.clients import Clients
from bictl.local.processes import observe
from bictl.local.stack import Stack
from bictl.settings import Settings

pytest_plugins = ["pipelines"]  # a healthy pipeline, for each test that damages one

# A loaded machine is no failure: pytest-timeout bounds a test that hangs.
hypothesis.settings.register_profile("bictl", deadline=None)
hypothesis.settings.load_profile("bictl")

FIXTURES = Path(__file__).parent / "fixtures"
_STACKS = "TESTS_OF_BICTL"  # the variable that tells the workers where their stacks go
_PREFIX = "bictl-tests-"
_LARGE_BATCHES = {  # each batch is an object of the embedded broker
    "linger_ms": 50,
    "batch_size": 4 << 20,
    "max_request_size": 64 << 20,
}

Header = tuple[str, bytes | None]
Sample = tuple[bytes | None, bytes | None, list[Header], int]  # key, value, headers, milliseconds


@dataclass(frozen=True)
class Completed:
    """A command that ended."""

    stdout: str
    stderr: str
    exit_code: int


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process (or the only one) makes the directory of this session's stacks."""
    # what runs in the background, or under nohup, inherits ignored signals
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.addinivalue_line(  # kafka-python's own way to read its files
        "filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning"
    )
    if _STACKS in os.environ:
        return
    _sweep(lambda owner: observe(owner) is None)
    directory = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    Path(directory).chmod(0o711)  # Postgres is another user than root
    os.environ[_STACKS] = directory
    config.add_cleanup(lambda: _sweep(lambda owner: owner == os.getpid()))


def _sweep(is_ours: Callable[[int], bool]) -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if is_ours(int(directory.name.removeprefix(_PREFIX).partition("-")[0])):
            for stack in directory.glob("*/stack"):
                Stack(stack.parent).purge()
            shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A running embedded stack, this worker's own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    started = Stack.start(Path(os.environ[_STACKS]) / worker)
    yield started
    started.purge()


@pytest.fixture
def fragile_stack(stack: Stack) -> Iterator[Stack]:
    """The stack for a test that kills its services: afterwards they are there again."""
    yield stack
    Stack.start(stack.state_dir)


@pytest.fixture(scope="session")
def fresh_settings(stack: Stack) -> Callable[[Path], AbstractContextManager[Settings]]:
    """`with fresh_settings(directory) as settings`: what the fixture `settings` is, for a fixture
    that lives longer than a test."""

    @contextmanager
    def make(directory: Path) -> Iterator[Settings]:
        name = f"t{secrets.token_hex(6)}"
        shared = configured.load(config=str(stack.configuration), environment={})
        text = stack.configuration.read_text(encoding="utf-8")
        for default, own in (
            ('dbname = "analytics"', f'dbname = "{name}"'),
            ('bucket = "cord-raw"', f'bucket = "{name}"'),
            ('"cord.ConcordDb.dbo.Product"', f'"cord.{name}.dbo.Product"'),
        ):
            assert text.count(default) == 1
            text = text.replace(default, own)
        path = directory / "bictl.toml"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        _bucket(shared, name)
        administer(shared, f"create database {name}")
        yield configured.load(
            config=str(path), environment={"BICTL_STATE_DIR": str(directory / "state")}
        )
        if any(service.state != "running" for service in stack.status()):
            Stack.start(stack.state_dir)  # a test of a dead service
        drop_database(shared, name)

    return make


@pytest.fixture
def settings(fresh_settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings for the stack with a database, a bucket and a topic name of the test's own; they
    are in a file that `cli` uses too."""
    with fresh_settings(tmp_path) as made:
        yield made


@pytest.fixture
def clients(settings: Settings) -> Iterator[Clients]:
    """The clients of those settings."""
    with Clients(settings) as opened:
        yield opened


@pytest.fixture
def produce(settings: Settings, produce_into) -> Callable[..., int]:
    """`produce(topic, records, partitions=1)`: writes (key, value, headers, timestamp in
    milliseconds, partition) to a topic, which is made when it is not there; how many it wrote."""
    return partial(produce_into, settings)


@pytest.fixture(scope="session")
def produce_into() -> Callable[..., int]:
    """The same for any settings: `produce_into(settings, topic, records, partitions=1)`."""
    from kafka import KafkaProducer

    def write(settings: Settings, topic: str, records: Iterable[tuple], partitions: int = 1) -> int:
        servers = settings.kafka.bootstrap_servers
        _topic(servers, topic, partitions)
        with closing(KafkaProducer(bootstrap_servers=servers, **_LARGE_BATCHES)) as producer:
            sent = [
                producer.send(
                    topic,
                    key=key,
                    value=value,
                    headers=list(headers),
                    timestamp_ms=timestamp,
                    partition=partition,
                )
                for key, value, headers, timestamp, partition in records
            ]
            for future in sent:
                future.get(timeout=30)
        return len(sent)

    return write


@pytest.fixture
def cli(settings: Settings, tmp_path: Path) -> Callable[..., Completed]:
    """`cli("ingest", "--json")`: runs bictl in a process of its own, with the test's settings."""
    plain = plain_environment()

    def run(
        *arguments: str,
        env: dict[str, str] | None = None,
        input: str | None = None,
        timeout: float = 120,
    ) -> Completed:
        done = subprocess.run(
            [sys.executable, "-m", "bictl", *arguments],
            env={
                **plain,
                "BICTL_CONFIG": str(settings.path),
                "BICTL_STATE_DIR": str(settings.state_dir),
                **(env or {}),
            },
            cwd=tmp_path,
            input=input or "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Completed(done.stdout, done.stderr, done.returncode)

    return run


@pytest.fixture(scope="session")
def fixture_records() -> Callable[[str], list[Sample]]:
    """`fixture_records("product_schema")`: the records of tests/fixtures/sqlserver/<name>."""
    return _samples


def _samples(name: str) -> list[Sample]:
    path = FIXTURES / "sqlserver" / f"{name}.jsonl"
    raw = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    return [_sample(json.loads(line)) for line in raw.split(b"\n") if line]


def _sample(line: dict) -> Sample:
    key, value = (None if line[part] is None else line[part].encode() for part in ("key", "value"))
    headers = [(name, text.encode()) for name, text in line.get("headers", {}).items()]
    return key, value, headers, line["timestamp"]


def _topic(servers: str, topic: str, partitions: int) -> None:
    from kafka.admin import KafkaAdminClient
    from kafka.errors import TopicAlreadyExistsError

    options = {"num_partitions": partitions, "replication_factor": 1}
    with (
        closing(KafkaAdminClient(bootstrap_servers=servers)) as admin,
        suppress(TopicAlreadyExistsError),
    ):
        admin.create_topics({topic: options}, wait_for_metadata=True)


def _bucket(shared: Settings, name: str) -> None:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=shared.s3.endpoint_url,
        region_name=shared.s3.region,
        aws_access_key_id=shared.s3.access_key_id,
        aws_secret_access_key=shared.s3.secret_access_key.reveal(),
    ).create_bucket(Bucket=name)
