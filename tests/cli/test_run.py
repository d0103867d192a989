"""`bictl run`: the whole way, again and again, together, and with something broken."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cron_stages import COUNT, one_and_swept


def _steps(done):
    return {(row["table"], row["stage"]): row for row in json.loads(done.stdout)["rows"]}


def test_every_change_arrives_and_a_second_run_does_nothing(produced, cli):
    first = cli("run", "-o", "json")
    assert first.exit_code == 0, first.stderr
    assert cli("verify", "-q").exit_code == 0

    steps = _steps(cli("run", "-o", "json"))
    assert [row["state"] for row in steps.values()] == ["ok"] * 4
    said = {stage: row["summary"] for (_, stage), row in steps.items()}
    assert said["ingest"].startswith("nothing to do")
    assert said["load-bronze"].startswith("nothing to do")
    assert said["transform"].startswith("nothing to do")
    assert said["embed"].startswith("all ")


def test_two_runs_at_once_do_the_work_once_and_both_end_well(produced, cli, clients):
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: cli("run", "--lock-wait", "60"), range(2)))
    assert [one.exit_code for one in done] == [0, 0], [one.stderr for one in done]
    assert clients.database.value("select count(*) from bronze.product_cdc") == COUNT
    assert clients.database.value("select sum(n_loaded) from bictl.object_ledger") == COUNT
    assert cli("verify", "-q").exit_code == 0


def test_a_quiet_run_prints_nothing(produced, cli):
    done = cli("-q", "run")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_a_table_that_fails_does_not_stop_the_others(produced, cli, settings):
    with settings.path.open("a") as config:
        config.write('[tables.category]\ntopic = "cord.nowhere.dbo.Category"\n')
    done = cli("run", "-o", "json")
    steps = _steps(done)
    assert steps["category", "ingest"]["state"] == "fail"
    assert "unknown topic 'cord.nowhere.dbo.Category'" in done.stderr
    assert steps["product", "ingest"]["state"] == "ok"
    assert ("category", "load-bronze") not in steps
    assert steps["product", "embed"]["state"] == "ok"
    assert done.exit_code == 2


@pytest.mark.parametrize(
    "variable",
    one_and_swept("BICTL_POSTGRES_PORT", "BICTL_KAFKA_BOOTSTRAP_SERVERS", "BICTL_S3_ENDPOINT_URL"),
)
def test_a_service_that_is_down_is_named_with_code_4_and_the_next_run_completes(
    produced, cli, variable
):
    nobody = {"BICTL_POSTGRES_PORT": "1", "BICTL_S3_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = cli("--timeout", "60", "run", env={variable: nobody.get(variable, "127.0.0.1:1")})
    assert done.exit_code == 4, done.stderr
    assert "error: " in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert cli("run").exit_code == 0
    assert cli("verify", "-q").exit_code == 0
