"""A real Kafka, a real Connect with Debezium, and a source database, once a session.

Every fixture of tests/conftest.py works here against them: `settings`, `clients`, `cli` and
`produce` point to the real broker and the real worker. A test with a live source:

    def test_a_change_arrives(source, until, cli):
        source.sql('insert into dbo."Product" ("ID", "Name", "Created") values (1, $$x$$, now())')
        source.capture()                  # this test's connector; waits until its task runs
        until(lambda: source.end() == 1)  # its record is in the topic of the test's settings
        assert cli("run").exit_code == 0

`source` (tests/jvm/live.py) is a database of the test's own with an empty dbo."Product" (replica
identity full), user `concord`, which owns it and may make any table: `source.capture("dbo.Other",
config={"decimal.handling.mode": "string"})` captures others. `source.topic()` is the topic of the
settings' table `product`, `source.name` its [connect] connector, `source.rest("PUT", path, body)`
one request to the worker. `jvm_stack` is the stack itself: `jvm_stack.kill("kafka")`, then
`Stack.start(jvm_stack.state_dir, jvm=True)`.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from broker import Broker
from ingested import delete_topic, keys, lines, run, table
from kafka.admin import KafkaAdminClient
from live import LiveSource
from pipelines import new_settings, prepared, shared

from bictl import settings as configured
from bictl.local.configuration import CONNECTOR
from bictl.local.stack import Stack
from bictl.settings import Settings

__all__ = [
    "delete_topic",
    "keys",
    "lines",
    "new_settings",  # these on the stack of this folder
    "prepared",
    "run",
    "shared",
    "table",
]


@pytest.fixture(scope="session")
def jvm_stack() -> Iterator[Stack]:
    """The running stack: Kafka, Connect and the source beside the embedded Postgres and S3."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    directory = Path(os.environ["TESTS_OF_BICTL"]) / f"{worker}-jvm"
    started = Stack.start(directory, jvm=True, timeout=180)
    yield started
    started.purge()


@pytest.fixture(scope="session")
def stack(jvm_stack: Stack) -> Stack:
    """What the fixtures of tests/conftest.py stand on."""
    return jvm_stack


@pytest.fixture
def settings(
    settings: Settings, jvm_stack: Stack, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """The test's settings, with a connector name of its own, and with the source's address where
    the test has one; the stack runs again afterwards."""
    assert settings.path
    text = settings.path.read_text(encoding="utf-8")
    assert text.count(CONNECTOR) == 1
    name = f"connector-{settings.postgres.dbname}"
    text = text.replace(CONNECTOR, name)
    if "source" not in request.fixturenames:
        text, found = re.subn(r"(?ms)^\[source\]$.*?^(?=\[)", "", text)
        assert found == 1
    settings.path.write_text(text, encoding="utf-8")
    yield configured.load(
        config=str(settings.path), environment={"BICTL_STATE_DIR": str(settings.state_dir)}
    )
    if any(service.state != "running" for service in jvm_stack.status()):
        Stack.start(jvm_stack.state_dir, jvm=True, timeout=180)


@pytest.fixture
def source(settings: Settings, jvm_stack: Stack) -> Iterator[LiveSource]:
    """The test's own source database; see tests/jvm/live.py."""
    made = LiveSource(jvm_stack, settings)
    yield made
    made.remove()


@pytest.fixture(scope="session")
def broker(tmp_path_factory) -> Iterator[Broker]:
    """A broker with logins and rights, beside the stack's own."""
    started = Broker(tmp_path_factory.mktemp("kafka"))
    try:
        started.start()
        yield started
    finally:
        started.kill()


@pytest.fixture
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """What the tests do to topics."""
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)) as client:
        yield client


@pytest.fixture
def create(admin, table) -> Callable[..., None]:
    """`create(partitions, name=value, …)`: makes the table's topic with these configurations."""

    def make(partitions: int = 1, **configs: object) -> None:
        options = {
            "num_partitions": partitions,
            "replication_factor": 1,
            "configs": {name.replace("_", "."): str(value) for name, value in configs.items()},
        }
        admin.create_topics({table.topic: options}, wait_for_metadata=True)

    return make


@pytest.fixture
def until() -> Callable[..., None]:
    """`until(condition)`: waits for what the broker does in its own time."""

    def wait(condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(LookupError):
                if condition():
                    return
            assert time.monotonic() < deadline, "the broker did not do it in time"
            time.sleep(0.1)

    return wait
