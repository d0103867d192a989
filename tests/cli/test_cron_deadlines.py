"""--timeout bounds every stage, names the service that was awaited, and leaves nothing running."""

import time

import pytest
from cron_stages import (
    GATES,
    closed_gate,
    dbt_of,
    frozen,
    is_alive,
    is_waiting,
    one_and_swept,
    runs_query,
    slow_project,
    until,
    with_children,
)

GRACE = 5.0
START = 15.0  # seconds that a loaded machine may take to load the program and to end it
NAMES = {"kafka": "Kafka at ", "s3": "the object store at ", "postgres": "Postgres at "}
ASKED = [
    ("postgres", ("search", "pump")),
    *(
        pytest.param(service, words, marks=pytest.mark.sweep)
        for service, words in (
            ("kafka", ("run",)),
            ("postgres", ("run",)),
            ("s3", ("ack",)),
            ("postgres", ("migrate",)),
            ("postgres", ("prune", "--before", "1d", "--yes")),
            ("postgres", ("quarantine", "list")),
            ("postgres", ("runs", "list")),
        )
    ),
]


@pytest.fixture
def arrived(produced, cli):
    assert cli("run").exit_code == 0


@pytest.mark.parametrize(("service", "words"), ASKED, ids=str)
def test_a_frozen_service_is_named_within_the_timeout(
    settings, produce, bictl, fragile_stack, service, words
):
    produce(settings.table("product").topic, [(b'{"ID":1}', b"{}", [], 1, 0)])
    [pid] = [one.pid for one in fragile_stack.status() if one.name == service]
    with frozen(with_children(pid)):
        started = time.monotonic()
        running = bictl.start("-q", "--timeout", "2", *words)
        out, err = running.communicate(timeout=60)
        took = time.monotonic() - started
    assert (running.returncode, out) == (4, ""), err
    assert took < 2 + GRACE + START
    assert [line.partition(":")[0] for line in err.splitlines()] == ["error", "hint"], err
    assert NAMES[service] in err or (service == "kafka" and "Kafka" in err)


@pytest.mark.parametrize("stage", one_and_swept(*GATES))
def test_a_stage_that_waits_inside_postgres_ends_with_its_query(arrived, bictl, clients, stage):
    more = {"embed": ("--rebuild",), "load-bronze": ("--replay",)}.get(stage, ())
    with closed_gate(clients, stage):
        running = bictl.start("-q", "--timeout", "4", stage, *more)
        _, err = running.communicate(timeout=60)
        until(lambda: not is_waiting(clients), 10)
    if stage == "verify":  # its report says so
        assert running.returncode == 3, err
        assert "stopped before it was evaluated: waited for Postgres at " in err
    else:
        assert running.returncode == 4, err
        assert "not finished within --timeout 4 s" in err
        assert "waiting for Postgres at " in err


def test_dbt_and_its_query_end_at_the_deadline(arrived, bictl, clients, tmp_path):
    running = bictl.start(
        "-q", "--timeout", "30", "transform", "--force", env=slow_project(tmp_path)
    )
    until(lambda: runs_query(clients, "pg_sleep"), 30)
    (dbt,) = dbt_of(running.pid)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 4
    assert "waiting for dbt, at work in Postgres at " in err
    until(lambda: not is_alive(dbt) and not runs_query(clients, "pg_sleep"), 10)


def test_stack_up_says_whom_it_waits_for_and_is_bounded(fragile_stack, bictl):
    [pid] = [one.pid for one in fragile_stack.status() if one.name == "s3"]
    state = {"BICTL_STATE_DIR": str(fragile_stack.state_dir)}
    with frozen([pid]):
        running = bictl.start("--timeout", "6", "stack", "up", env=state)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 4
    assert f"s3 (pid {pid}) runs but does not answer yet; waiting up to 6 s\n" in err
    assert err.count("error: ") == 1
