"""SIGKILL before, inside and after a PUT, then a plain rerun: as if nothing had happened."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ingested import records

from bictl.clients import Clients
from bictl.errors import Unreachable
from bictl.ingest import ingest, read_kept
from bictl.settings import Ingest

COUNT = 200


def killed(settings, *target: str) -> subprocess.CompletedProcess:
    driver = Path(__file__).with_name("killed_ingest.py")
    return subprocess.run(
        [sys.executable, str(driver), str(settings.path), *target],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("moment", ["before", "inside", "after"])
@pytest.mark.parametrize("put", [0, 1, 4, 5])
def test_killed_at_a_put_the_rerun_completes_it(
    produce, table, run, lines, keys, clients, settings, put, moment
):
    """Even PUTs are batches, odd ones the frontier objects behind them."""
    produce(table.topic, records(COUNT))

    done = killed(settings, str(put), moment)

    assert done.returncode == -signal.SIGKILL, done.stderr
    asked = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("put ")]
    assert len(asked) == put + 1
    assert done.stdout.splitlines()[-1] == f"died {moment} {asked[-1]}"
    left, durable = keys(), asked if moment == "after" else asked[:-1]
    assert list(left) == [key for key in durable if key.startswith(table.prefix)]

    result = run(batch_records=60)

    assert result.records == COUNT - 60 * len(left)
    assert {key: etag for key, etag in keys().items() if key in left} == left
    assert [(line.offset, line.key, line.value) for line in lines()] == [
        (offset, key, value) for offset, (key, value, *_) in enumerate(records(COUNT))
    ]
    assert [key.rpartition("=")[2] for key in keys()] == [
        f"{first:020d}.jsonl.gz" for first in (0, 60, 120, 180)
    ]
    (kept,) = read_kept(clients.objects, table.prefix).found.values()
    assert (kept.baseline, kept.newest.next, kept.anchor.offset) == (0, COUNT, COUNT - 1)


def test_undisturbed_the_driver_seals_the_same_objects(produce, table, run, settings, keys, lines):
    """What the kills are compared with; and that the driver counts every PUT."""
    produce(table.topic, records(COUNT))
    done = killed(settings)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 8)
    assert [line.offset for line in lines()] == list(range(COUNT))


@pytest.mark.parametrize("service", ["kafka", "s3"])
def test_a_service_killed_in_the_middle_is_unreachable_and_a_rerun_completes(
    fragile_stack, produce, table, run, lines, settings, clients, service
):
    produce(table.topic, records(COUNT) + records(COUNT, partition=1), 2)
    seen = []

    def kill(progress) -> None:
        if not seen:
            fragile_stack.kill(service)
        seen.append(progress)

    with Clients(settings, timeout=3) as impatient, pytest.raises(Unreachable) as caught:
        ingest(
            impatient.reader,
            impatient.objects,
            table=table,
            limits=Ingest(batch_records=60),
            run="cut off",
            on_progress=kill,
        )
    assert seen
    assert caught.value.exit_code == 4
    assert caught.value.hint

    fragile_stack.start(fragile_stack.state_dir)
    clients.close()
    run(batch_records=60)
    found = [(line.partition, line.offset) for line in lines()]
    assert found == [(partition, offset) for partition in (0, 1) for offset in range(COUNT)]
