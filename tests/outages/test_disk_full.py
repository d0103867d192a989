"""A disk is full in the middle of a stage: under the store, under Postgres's tables or its log.

The command ends with a code, and with words that name the service; with room again the next run
completes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from cron_stages import COUNT, Bictl
from scene import Scene
from small_disks import Disk, on_small_disks, superuser
from test_outages import EMBED, INGEST, LOAD, TRANSFORM, Fault, met, recovers

from bictl.errors import BictlError

pytestmark = [pytest.mark.outages, pytest.mark.timeout(600)]

TIMEOUT = 120  # seconds: dbt tries for 40 before it gives a full disk up
CELLS = [
    ("s3", INGEST, (4,), "the object store answers and fails: its log says why, often a full disk"),
    ("postgres", LOAD, (1,), "the disk of the Postgres server is full"),
    ("postgres", TRANSFORM, (0, 1), ""),
    ("postgres", EMBED, (1,), "the disk of the Postgres server is full"),
    ("wal", LOAD, (4,), "Postgres"),
    ("wal", EMBED, (4,), "Postgres"),
    ("wal", TRANSFORM, (1, 4), ""),
]


@pytest.fixture(scope="module")
def narrow(stack, fixture_records, tmp_path_factory) -> Iterator[tuple[Scene, dict[str, Disk]]]:
    """A scene whose store and database have little room."""
    directory = stack.state_dir.with_name(f"{stack.state_dir.name}-narrow")
    with on_small_disks(directory) as (own, disks):
        made = Scene(stack, own, tmp_path_factory.mktemp("narrow"))
        try:
            made.prepare(fixture_records("product_schema")[-COUNT:])
            yield made, disks
        finally:
            made.close()


def full(disks: dict[str, Disk]) -> Fault:
    """The disk is full from one moment to the next; under the log the server then needs room."""

    def strike(scene: Scene, name: str) -> None:
        disks[name].fill()
        if name == "wal":
            with suppress(BictlError), superuser(scene.own) as database:
                for _ in range(1000):  # until the segments that are there are used up
                    database.execute("select pg_logical_emit_message(false, 'full', 'x')")
                    database.execute("select pg_switch_wal()")

    return Fault("disk full", strike)


@pytest.mark.parametrize(
    ("disk", "stage", "codes", "words"), CELLS, ids=lambda one: getattr(one, "name", None)
)
def test_a_full_disk(narrow, tmp_path, record_property, disk, stage, codes, words):
    scene, disks = narrow
    service = "postgres" if disk == "wal" else disk
    scene.wire["wal"] = scene.wire["postgres"]
    with scene.pipeline(stage.begins) as settings, ExitStack() as held:
        bictl = Bictl(settings, tmp_path)
        held.callback(bictl.end)
        held.callback(disks[disk].free)
        outcome = met(scene, bictl, disk, full(disks), stage, TIMEOUT)
        name = f"disk full ({disk})"
        row = (service, name, stage.name, outcome.code, outcome.took, outcome.tried)
        record_property("outage", row)
        disks[disk].free()
        scene.heal()
        said = f"code {outcome.code} after {outcome.took:.1f} s\n{outcome.out}\n{outcome.err}"
        print(said)
        assert outcome.code in codes, said
        assert "Traceback" not in outcome.err, said
        assert "bug in bictl" not in outcome.err, said
        assert words in outcome.err, said
        recovers(scene, settings, tmp_path, stage)
