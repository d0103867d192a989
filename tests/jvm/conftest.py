"""A real Kafka broker beside the embedded store: the settings of a test point to both."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace

import pytest
from broker import Broker
from ingested import delete_topic, keys, lines, run, table
from kafka.admin import KafkaAdminClient

from bictl.settings import Kafka, Settings

__all__ = ["delete_topic", "keys", "lines", "run", "table"]


@pytest.fixture(scope="session")
def broker(tmp_path_factory) -> Iterator[Broker]:
    """A running broker."""
    started = Broker(tmp_path_factory.mktemp("kafka"))
    try:
        started.start()
        yield started
    finally:
        started.kill()


@pytest.fixture
def settings(settings: Settings, broker: Broker) -> Settings:
    """The test's settings with the real broker's address."""
    return replace(settings, kafka=Kafka(bootstrap_servers=broker.address))


@pytest.fixture
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    """What the tests do to topics."""
    with closing(KafkaAdminClient(bootstrap_servers=broker.address)) as client:
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
