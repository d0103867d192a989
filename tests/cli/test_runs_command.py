"""bictl runs: what ran, how it ended, and what it said."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from environment import plain_environment


@pytest.fixture
def produced(settings, produce, fixture_records):
    """Some of the fixture's events in the test's own topic."""
    produce(
        settings.table("product").topic,
        [(*record, 0) for record in fixture_records("product_schema")[-40:]],
    )


def rows(done):
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["rows"]


def test_every_stage_of_a_run_stands_in_the_list_and_its_log_is_shown(produced, cli, settings):
    assert cli("-q", "run").exit_code == 0  # the very first: load-bronze makes the ledger
    listed = rows(cli("runs", "--json"))
    stages = ["ingest", "load-bronze", "transform", "embed"]
    newest = [row for row in listed if row["run_id"] == listed[0]["run_id"]]
    assert [row["stage"] for row in newest] == stages[::-1]
    assert {row["state"] for row in newest} == {"ok"}
    assert newest[-1]["summary"] == "wrote 1 batch, 40 records; frontier 0:40"
    assert all(row["tables"] == ["product"] for row in newest)
    assert newest[0]["where"].startswith(f"{socket.gethostname()}:")

    run = newest[0]["run_id"]
    shown = cli("runs", "show", run[:8], "-o", "table")
    assert shown.exit_code == 0
    assert f"run {run}: bictl -q run" in shown.stdout
    assert "ingest      " in shown.stdout  # what -q kept back stands in the log
    document = json.loads(cli("runs", "show", run[:8], "--json").stdout)
    assert [row["stage"] for row in document["rows"]] == stages
    assert document["words"] == ["-q", "run"]
    assert any("embed ended: ok" in line for line in document["log"])
    password = settings.postgres.password.reveal()
    assert password not in shown.stdout + json.dumps(document)

    log = settings.state_dir / "runs" / f"{run}.log"
    assert log.stat().st_mode & 0o777 == 0o600
    log.unlink()
    gone = cli("runs", "show", run[:8])
    assert gone.exit_code == 0
    assert f"its log is not there: runs/{run}.log" in gone.stderr

    last = {row["stage"]: row for row in rows(cli("runs", "last", "--json"))}
    assert list(last) == [*stages, "verify", "migrate"][: len(last)]
    assert last["embed"]["run_id"] == run
    assert last["verify"]["newest_state"] == "never"


def test_commands_that_only_look_leave_no_log_and_no_row(cli, settings):
    assert cli("migrate").exit_code == 0
    before = len(rows(cli("runs", "--json")))
    for words in (["runs"], ["config", "show"], ["runs", "last"], ["ingest", "--help"]):
        assert cli(*words).exit_code == 0
    assert len(rows(cli("runs", "--json"))) == before


def test_ingest_without_postgres_works_and_its_log_tells(produced, cli, settings):
    done = cli("-q", "ingest", env={"BICTL_POSTGRES_PORT": "1"})
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    [log] = (settings.state_dir / "runs").glob("*.log")
    assert "wrote 1 batch, 40 records" in log.read_text()
    for env in ({"BICTL_POSTGRES_PORT": "1"}, {}):  # it does not answer; it knows nothing of it
        shown = cli("runs", "show", log.stem[:8], env=env)
        assert shown.exit_code == 0
        assert "wrote 1 batch, 40 records" in shown.stdout
        assert "the ledger tells nothing of it" in shown.stderr
    assert cli("runs", "show", "", env={"BICTL_POSTGRES_PORT": "1"}).exit_code == 4


def test_an_error_stands_in_the_log_with_its_hint_and_in_the_ledger(cli, settings):
    assert cli("migrate").exit_code == 0
    assert cli("-q", "ingest").exit_code == 2  # there is no such topic
    [row] = rows(cli("runs", "list", "--stage", "ingest", "--json"))
    assert (row["state"], row["exit_code"]) == ("fail", 2)
    assert "unknown topic" in row["summary"]
    log = (settings.state_dir / "runs" / f"{row['run_id']}.log").read_text()
    assert "error: unknown topic" in log
    assert "hint: " in log


def test_a_killed_ingest_is_killed_in_the_list_and_its_log_is_there(
    cli, settings, clients, tmp_path
):
    assert cli("migrate").exit_code == 0
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        process = subprocess.Popen(
            [sys.executable, "-m", "bictl", "-q", "ingest"],
            env={
                **plain_environment(),
                "BICTL_CONFIG": str(settings.path),
                "BICTL_STATE_DIR": str(settings.state_dir),
                "BICTL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent.getsockname()[1]}",
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        query = "select run_id::text from bictl.run where command = 'ingest' and status = 'running'"
        while (run := clients.database.value(query)) is None:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    free = (
        "select pg_try_advisory_xact_lock(hashtextextended('bictl:run:' || id, 0))"
        " from bictl.run where run_id = %s"
    )
    while not clients.database.value(free, [run]):  # the server notices the closed socket
        pass
    [row] = rows(cli("runs", "list", "--state", "killed", "--json"))
    assert (row["run_id"], row["seconds"], row["exit_code"]) == (run, None, None)
    assert "ingest started" in cli("runs", "show", run[:8]).stdout
    quiet = cli("-q", "migrate")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs", "list", "--state", "dead"], "--state takes ok, warn, fail"),
        (["runs", "list", "--since", "yesterday"], "neither an age nor a time"),
        (["runs", "show", "zzzz"], "unknown run 'zzzz'"),
        (["runs", "show"], "Missing argument"),
    ],
)
def test_wrong_words_are_code_2_and_say_what_is_right(cli, words, said):
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_without_a_ledger_the_list_is_empty_and_says_why(cli):
    done = cli("runs")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "there is no ledger in this database yet" in done.stderr


def test_an_error_of_any_length_and_content_is_a_line_of_the_list_and_whole_elsewhere(cli, clients):
    assert cli("migrate").exit_code == 0
    said = "\x1b[2J [red]\u202e " + "no " * 5_000
    clients.database.execute("update bictl.run set status = 'fail', error = %s", [said])
    for words in (("runs", "list"), ("runs", "last")):
        shown = cli(*words, "-o", "table").stdout
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert shown.count("no ") < 100
        assert "characters)" in shown
        [row] = [row for row in rows(cli(*words, "--json")) if said in row.values()]
    whole = cli("runs", "show", row["newest_run"], "-o", "table").stdout
    assert whole.count("no") > 5_000
    assert "\\x1b[2J [red]\\u202e" in whole
