"""A killed load leaves whole objects behind; the next run ends where an undisturbed one does."""

import subprocess
import sys
from pathlib import Path

import pytest
from batches import numbered, seal_all

DRIVER = Path(__file__).with_name("killed_load.py")
TABLES = (
    "bronze.product_cdc, bronze.cdc_quarantine, bronze.cdc_generation, bronze.cdc_schema, "
    "bictl.object_ledger, bictl.offset_conflict"
)


@pytest.fixture
def three_objects(bronze, fixture_records):
    """Three sealed batches; the second holds what has to be quarantined."""
    samples = fixture_records("product_schema")[:150]
    samples[70] = (b'{"ID":1}', b'{"a":"\\u0000"}', [], 1_715_682_225_123)
    seal_all(bronze.clients.objects, bronze.table, numbered(samples), size=50)
    return bronze


@pytest.fixture
def kill(settings):
    """Runs the driver; (exit code, its output's lines)."""

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, str(DRIVER), str(settings.path), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, -9), done.stderr
        return done.returncode, done.stdout.splitlines()

    return run


def start_again(bronze):
    bronze.clients.database.execute(f"truncate {TABLES}")


def whole_objects(bronze):
    """How many objects are in the ledger; asserts that rows and ledger agree on each."""
    accounted = bronze.rows("select object_key, n_loaded, n_quarantined from bictl.object_ledger")
    files = dict(bronze.rows("select batch_file, count(*) from bronze.product_cdc group by 1"))
    bad = dict(bronze.rows("select batch_file, count(*) from bronze.cdc_quarantine group by 1"))
    assert files == {key: loaded for key, loaded, _ in accounted if loaded}
    assert bad == {key: quarantined for key, _, quarantined in accounted if quarantined}
    return len(accounted)


def check_kill(bronze, kill, undisturbed, number, moment, call):
    """Dies at the call, looks at what is there, runs again; how many objects were whole."""
    start_again(bronze)
    code, said = kill(number, moment)
    assert (code, said[-1]) == (-9, f"{moment} {call}")
    left = whole_objects(bronze)
    bronze.load()
    assert bronze.contents() == undisturbed
    assert bronze.load().objects == 0
    return left


def test_a_kill_inside_copy_and_around_commit_is_healed_by_a_plain_rerun(three_objects, kill):
    bronze = three_objects
    code, calls = kill()
    assert code == 0
    undisturbed = bronze.contents()
    copies = [n for n, call in enumerate(calls) if call.startswith("copy pg_temp.bictl_batch")]
    commits = [n for n, call in enumerate(calls) if call == "commit"]
    inserts = [n for n, call in enumerate(calls) if call.startswith("-- The copied records into")]
    assert len(commits) == 3

    for objects_before, number, moment in (
        (0, copies[0], "inside"),
        (0, inserts[0], "after"),
        (0, commits[0], "before"),
        (1, commits[0], "after"),
        (1, copies[1], "inside"),
        (1, commits[1], "before"),
        (2, commits[1], "after"),
        (3, commits[2], "after"),
    ):
        left = check_kill(bronze, kill, undisturbed, number, moment, calls[number])
        assert left == objects_before


@pytest.mark.sweep
@pytest.mark.timeout(1800)
def test_a_kill_at_any_call_to_postgres_is_healed_by_a_plain_rerun(three_objects, kill):
    bronze = three_objects
    _, calls = kill()
    undisturbed = bronze.contents()
    met = set()
    for number, call in enumerate(calls):
        for moment in ("before", "inside", "after"):
            if moment != "inside" or call.startswith("copy"):
                met.add(check_kill(bronze, kill, undisturbed, number, moment, call))
    assert met == {0, 1, 2, 3}
