"""The demo's publisher: everything once, in order, also after a kill, and on from there."""

import signal
import subprocess
import sys
import textwrap

import pytest

from bictl.local import plan
from bictl.local.publish import publish


@pytest.fixture
def topic(settings):
    return settings.table("product").topic


@pytest.fixture
def run(clients, settings, topic, tmp_path):
    """`run(products=…, changes=…)` publishes; what it has published is in the test's directory."""

    def published(*, products=400, changes=100, stop=lambda: False):
        return publish(
            clients.reader,
            settings.kafka,
            directory=tmp_path,
            topic=topic,
            products=products,
            changes=changes,
            stop=stop,
        )

    return published


@pytest.fixture
def log(clients, topic):
    """Everything that the topic holds: (key, value, headers, timestamp)."""

    def read():
        end = clients.reader.offsets(topic, [0])[0].high
        return [
            (record.key, record.value, [tuple(pair) for pair in record.headers], record.timestamp)
            for chunk in clients.reader.read(topic, 0, first=0, end=end)
            for record in chunk.records
        ]

    return read


def expected(clients, topic, directory):
    """The newest round as its plan says it."""
    known = plan.load(directory, topic=topic, topic_id=clients.reader.describe(topic).id)
    return [tuple(event) for event in known.events(skip=0)]


def test_a_first_run_is_a_snapshot_and_then_changes(run, log, clients, topic, tmp_path):
    published = run()
    assert (published.first, published.snapshot_rows, published.resumed) == (0, 400, False)
    assert published.next == len(log())
    assert log() == expected(clients, topic, tmp_path)


def test_the_next_run_adds_changes_and_repeats_nothing(run, log, clients, topic, tmp_path):
    first = run()
    before = log()
    second = run()
    assert second.first == first.next
    assert second.snapshot_rows == 0
    assert log() == before + expected(clients, topic, tmp_path)


def test_a_larger_catalogue_comes_as_inserts(run):
    run(products=50, changes=0)
    grown = run(products=80, changes=0)
    assert grown.changes == {"c": 30}
    assert grown.next - grown.first == 30


def test_a_stopped_run_is_finished_by_the_next_one(run, log, clients, topic, tmp_path):
    chunks = iter([False, True])
    stopped = run(products=3_000, stop=lambda: next(chunks))
    assert 0 < stopped.next < 3_000
    rest = run(products=3_000)
    assert rest.resumed
    assert rest.first == stopped.next
    assert log() == expected(clients, topic, tmp_path)


def test_a_killed_run_is_finished_to_the_byte(run, log, clients, topic, settings, tmp_path):
    """SIGKILL while batches are on their way: the topic says what arrived, not the dead process."""
    script = f"""
        import os, signal
        from pathlib import Path
        from bictl import settings
        from bictl.clients import Clients
        from bictl.local.publish import publish
        found = settings.load(config={str(settings.path)!r}, environment={{}})
        def die(progress):
            if progress.done >= 6_000:
                os.kill(os.getpid(), signal.SIGKILL)
        with Clients(found) as clients:
            publish(clients.reader, found.kafka, directory=Path({str(tmp_path)!r}),
                    topic={topic!r}, products=10_000, changes=100, on_progress=die)
    """
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert child.returncode == -signal.SIGKILL
    arrived = len(log())
    assert 0 < arrived < 10_000
    rest = run(products=10_000)
    assert (rest.resumed, rest.first) == (True, arrived)
    assert log() == expected(clients, topic, tmp_path)


def test_a_recreated_topic_begins_anew(run, settings, topic):
    from kafka import KafkaAdminClient

    run(products=50, changes=10)
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    admin.delete_topics([topic])
    admin.close()
    again = run(products=50, changes=10)
    assert (again.first, again.snapshot_rows) == (0, 50)


def test_the_plan_is_its_owners_alone(run, tmp_path):
    run(products=1, changes=0)
    assert (tmp_path / "demo.json").stat().st_mode & 0o077 == 0
