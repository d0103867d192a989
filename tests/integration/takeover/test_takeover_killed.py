"""A takeover that is killed anywhere, or run twice at once, is finished by the next plain run."""

import subprocess
import sys
from pathlib import Path

import pytest
from old_platform import records

DRIVER = Path(__file__).with_name("killed_takeover.py")
SCHEMAS = "drop schema if exists bictl, bronze, analytics_features cascade"


@pytest.fixture
def start(settings, tmp_path):
    """Starts the driver."""

    def run(*arguments: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(DRIVER), str(settings.path), str(tmp_path), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


@pytest.fixture
def ugly(old, taking, produce):
    """Builds the same old platform again and again: objects that overlap, rows without one."""
    samples = records(60, schema=True) + records(30, schema=True, first=1000, partition=1)
    produce(old.topic, samples[:60], 2)
    lines = old.lines(samples)

    def build() -> None:
        taking.clients.database.execute(SCHEMAS)
        for info in list(taking.clients.objects.list("")):
            taking.clients.objects.delete(info.key)
        old.objects.clear()
        old.create_bronze()
        old.load(lines[:20], old.put(lines[:20]))
        old.load(lines[15:30], old.put(lines[15:30]))
        old.load(lines[60:], "batch=19990101T000000Z.jsonl")

    return build


def contents(taking):
    """What a takeover leaves behind, without its times."""
    taking.load()
    sealed = {(x.partition, x.offset): (x.key, x.value, x.timestamp) for x in taking.lines()}
    states = {info.key for info in taking.clients.objects.list("_bictl/")}
    keys = taking.value(
        "select array_agg(pg_get_constraintdef(oid) order by contype) from pg_constraint"
        " where conrelid = 'bronze.product_cdc'::regclass and contype in ('u', 'p')"
    )
    return (
        sealed,
        taking.events(),
        states,
        keys,
        taking.rows("select generation, n_rows, sealed_at is null from bictl.takeover"),
    )


def check_kill(ugly, start, taking, undisturbed, number, moment) -> str:
    """Dies there, runs again; what the call was."""
    ugly()
    process = start(number, moment)
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == -9, complaint
    assert taking.value("select count(*) from bronze.product_cdc") == 60
    taking.migrate()
    assert contents(taking) == undisturbed
    assert taking.migrate().taken == {}
    return said


@pytest.mark.timeout(900)
def test_a_kill_at_the_turning_points_is_healed_by_a_plain_rerun(ugly, start, taking):
    ugly()
    calls = start().communicate(timeout=60)[0].splitlines()
    undisturbed = contents(taking)
    commits = [n for n, call in enumerate(calls) if call == "commit"]
    puts = [n for n, call in enumerate(calls) if call.startswith("put ")]
    inside = next(n for n, call in enumerate(calls) if call.startswith("-- The moved rows"))
    assert calls[puts[0]] == "put _bictl/product/raw/takeover.json"
    assert "takeover/batch=20240514T000001Z.jsonl/" in " ".join(calls)
    assert len(puts) >= 8  # decision, batches, their frontier objects, notes

    note = next(n for n in puts if "takeover/batch=" in calls[n])
    for number, moment in (
        (puts[0], "after"),
        (inside, "after"),
        (commits[-1], "before"),
        (commits[-1], "after"),
        (puts[1], "before"),
        (puts[1], "after"),
        (note, "before"),
        (note, "after"),
        (puts[-3], "after"),  # the last batch, and not its frontier object
        (puts[-2], "after"),  # that, and not the note about the rows
        (len(calls) - 1, "before"),
    ):
        check_kill(ugly, start, taking, undisturbed, number, moment)


@pytest.mark.sweep
@pytest.mark.timeout(3600)
def test_a_kill_at_any_call_is_healed_by_a_plain_rerun(ugly, start, taking):
    ugly()
    calls = start().communicate(timeout=60)[0].splitlines()
    undisturbed = contents(taking)
    for number in range(len(calls)):
        for moment in ("before", "after"):
            check_kill(ugly, start, taking, undisturbed, number, moment)


def test_two_at_once_on_two_hosts_do_it_once(ugly, settings, taking, tmp_path):
    """Each has a state directory of its own, so that no file lock keeps them apart."""
    ugly()
    alone = [sys.executable, str(DRIVER), str(settings.path), str(tmp_path)]
    subprocess.run(alone, check=True, stdout=subprocess.DEVNULL)
    undisturbed = contents(taking)
    ugly()
    together = [
        subprocess.Popen(
            [sys.executable, str(DRIVER), str(settings.path), str(tmp_path / str(number))],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in together:
        complaint = process.communicate(timeout=120)[1]
        assert process.returncode == 0, complaint
    assert contents(taking) == undisturbed
