"""A signal in the middle of each stage: a clean stop, words, its code; the rest comes next time."""

import signal
import subprocess
import sys

import pytest
from cron_stages import (
    COUNT,
    GATES,
    closed_gate,
    dbt_of,
    is_alive,
    is_waiting,
    one_and_swept,
    runs_query,
    slow_project,
    until,
)

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
STOPPING = "stopping: the batch at work is finished first; once more stops now\n"
SMALL_BATCHES = {"BICTL_INGEST_BATCH_RECORDS": "1"}


def is_complete(cli, clients) -> bool:
    """Whether the next run does the rest, and nothing is lost or there twice."""
    assert cli("run").exit_code == 0
    offsets = clients.database.rows(
        "select kafka_offset from bronze.product_cdc order by kafka_offset"
    )
    assert [offset for (offset,) in offsets] == list(range(COUNT))
    return cli("verify", "-q").exit_code == 0


def heard(process: subprocess.Popen[str], words: str) -> None:
    """Reads stderr up to the line."""
    line = process.stderr.readline()
    while line and line != words:
        line = process.stderr.readline()
    assert line == words


@pytest.mark.parametrize("number", one_and_swept(signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
def test_ingest_seals_the_open_batch_and_says_the_frontier(
    produced, bictl, cli, clients, settings, number
):
    prefix = settings.table("product").prefix
    running = bictl.start("ingest", env=SMALL_BATCHES)
    until(lambda: next(clients.objects.list(f"{prefix}generation="), None))
    running.send_signal(number)
    _, err = running.communicate(timeout=60)

    assert running.returncode == CODES[number], err
    assert STOPPING in err
    assert "frontier 0:" in err
    assert err.count("error: ") == 1
    assert is_complete(cli, clients)


@pytest.mark.parametrize("stage", one_and_swept(*GATES))
def test_a_stage_at_work_in_postgres_finishes_its_transaction(produced, bictl, cli, clients, stage):
    assert cli("ingest", env={"BICTL_INGEST_BATCH_RECORDS": "100"}).exit_code == 0
    assert cli("migrate" if stage == "load-bronze" else "run").exit_code == 0
    more = ("--rebuild",) if stage == "embed" else ()
    with closed_gate(clients, stage) as release:
        running = bictl.start(stage, *more)
        until(lambda: is_waiting(clients))
        running.send_signal(signal.SIGTERM)
        heard(running, STOPPING)
        release()
        _, err = running.communicate(timeout=60)

    assert running.returncode == 143, err
    assert err.splitlines()[-2:] == [
        "error: stopped by a signal",
        "hint: run the same command again: it goes on where it stopped",
    ]
    if stage == "load-bronze":
        loaded = clients.database.value("select sum(n_loaded) from bictl.object_ledger")
        assert loaded in (100, 200)  # one object is prepared ahead of the one at work
    assert is_complete(cli, clients)


@pytest.mark.parametrize("stage", one_and_swept(*GATES))
def test_the_second_signal_ends_it_at_once_and_its_query_too(produced, bictl, cli, clients, stage):
    assert cli("run").exit_code == 0
    more = {"embed": ("--rebuild",), "load-bronze": ("--replay",)}.get(stage, ())
    with closed_gate(clients, stage):
        running = bictl.start("-q", stage, *more)
        until(lambda: is_waiting(clients))
        running.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.3)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=5)
        until(lambda: not is_waiting(clients), 10)

    assert (running.returncode, out) == (130, "")
    assert [line.partition(":")[0] for line in err.splitlines()] == ["error", "hint"]
    assert is_complete(cli, clients)


@pytest.mark.parametrize(
    "signals", one_and_swept((signal.SIGTERM, signal.SIGINT), (signal.SIGTERM,))
)
def test_transform_ends_dbt_and_its_query(produced, bictl, cli, clients, tmp_path, signals):
    assert cli("run").exit_code == 0
    running = bictl.start("-q", "transform", "--force", env=slow_project(tmp_path))
    until(lambda: runs_query(clients, "pg_sleep"))
    (dbt,) = dbt_of(running.pid)
    for number in signals:
        running.send_signal(number)
        if number != signals[-1]:
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(0.2)
    _, err = running.communicate(timeout=30)

    assert running.returncode == CODES[signals[-1]]
    assert err.count("error: ") == 1
    until(lambda: not is_alive(dbt) and not runs_query(clients, "pg_sleep"), 10)
    assert is_complete(cli, clients)


def test_a_run_that_was_stopped_by_hand_goes_on(produced, bictl, cli, clients):
    assert cli("run").exit_code == 0
    with closed_gate(clients, "load-bronze") as release:
        running = bictl.start("load-bronze", "--replay")
        until(lambda: is_waiting(clients))
        running.send_signal(signal.SIGTSTP)
        running.send_signal(signal.SIGCONT)
        release()
        _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert is_complete(cli, clients)


def test_timeout_of_the_coreutils_stops_it_cleanly(produced, bictl, cli, clients, settings):
    prefix = settings.table("product").prefix
    running = bictl.start(
        "-c",
        "import os, sys; os.execvp('timeout', ['timeout', '-s', 'TERM', '60', *sys.argv[1:]])",
        *(sys.executable, "-m", "bictl", "ingest"),
        env=SMALL_BATCHES,
        runner=(),
    )
    until(lambda: next(clients.objects.list(f"{prefix}generation="), None))
    running.send_signal(signal.SIGTERM)  # timeout passes it on, to bictl and to its whole group
    _, err = running.communicate(timeout=60)
    assert "stopped at once" not in err
    assert "error: stopped by a signal" in err
    assert is_complete(cli, clients)


INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize(
    "module", ["bictl.cli.main", "typer", "bictl.cli.session", "bictl.cli.config", "tomllib"]
)
def test_ctrl_c_while_the_program_is_loaded_leaves_no_traceback(cli_plain, tmp_path, module):
    """The interpreter's own start is not ours; from our first line on it is."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED.format(module=module))
    done = cli_plain("config", "show", env={"PYTHONPATH": str(tmp_path)})
    assert done.exit_code in (-signal.SIGINT, 130)
    assert "Traceback" not in done.stderr
