"""cdc validate and cdc apply: what they print, and how they end, without a worker or with a saved
one's answers; against a real worker: tests/jvm/test_cdc_apply.py."""

import json

import pytest
from connect_replay import Replay, saved

from bictl import assets

FOLDER = assets.path("infra", "kafka-connect", "connectors")
PRODUCT = FOLDER / "sqlserver-product.json"
CONFIG = json.loads(PRODUCT.read_text())["config"]
PLUGIN = f"/connector-plugins/{CONFIG['connector.class']}/config"
NAME = "sqlserver-product-connector"


@pytest.fixture
def replay():
    found = Replay()
    found.give("connector_plugins", "connectors_empty", "connectors_list")
    listed = saved("validate_ss-good")["body"]["configs"]
    found.say(PLUGIN, 200, [item["definition"] for item in listed])
    yield found
    found.close()


@pytest.fixture
def write(tmp_path):
    def write(text: str = "", **changes: str) -> str:
        file = tmp_path / "own" / "mine.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text or json.dumps({"name": NAME, "config": CONFIG | changes}))
        return str(file)

    return write


def test_without_a_worker_the_rules_alone_are_checked(cli_plain):
    done = cli_plain("cdc", "validate")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "[connect] url is not configured: the worker is not asked" in done.stderr
    assert done.stderr.endswith("sqlserver-product.json: no rule is broken\n")
    done = cli_plain("cdc", "apply")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: [connect] url is not configured\nhint: add the worker")


def test_findings_are_lines_for_a_shell_and_a_document(cli_plain, write):
    file = write(**{"snapshot.mdoe": "initial", "errors.tolerance": "all"})
    done = cli_plain("cdc", "validate", file)
    assert done.exit_code == 2
    assert done.stdout.splitlines() == [
        "fail\tsnapshot.mdoe\tthe connector does not know this key and ignores it\t"
        "did you mean snapshot.mode?\trule",
        "warn\terrors.tolerance\tall: a record that cannot be converted is dropped, and the task "
        "says RUNNING\twrite none\trule",
    ]
    assert done.stderr.endswith("mine.json: 1 error, 1 warning\n")
    document = json.loads(cli_plain("cdc", "validate", file, "--json").stdout)
    assert {key: document[key] for key in ("schema", "connector", "file", "asked")} == {
        "schema": "bictl.cdc-validate/1",
        "connector": NAME,
        "file": file,
        "asked": False,
    }
    assert [row["level"] for row in document["rows"]] == ["fail", "warn"]


def test_quiet_says_what_fails_and_nothing_else(cli_plain, write):
    done = cli_plain("-q", "cdc", "validate", write(**{"snapshot.mdoe": "initial"}))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: snapshot.mdoe: the connector does not know this key and ignores it\n"
        "hint: did you mean snapshot.mode?\n"
    )


def test_warnings_fail_when_asked_and_keys_can_be_vouched_for(cli_plain, write):
    strict = ("-q", "cdc", "validate", write(**{"my.own": "x"}), "--fail-on", "warn")
    assert cli_plain(*strict).exit_code == 2
    done = cli_plain(*strict, "--allow", "my.own")
    assert (done.stdout, done.stderr, done.exit_code) == ("", "", 0)


def test_broken_json_is_said_with_its_line(cli_plain, write):
    done = cli_plain("cdc", "validate", write('{\n  "name": "x",\n}'))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {write(' ')}:3:1: no JSON: Expecting property name enclosed in double quotes\n"
        "hint: take out the comma behind the last value\n"
    )


def test_the_file_of_a_table_is_found_by_the_topic_that_it_writes(cli_plain, tmp_path):
    (tmp_path / "bictl.toml").write_text(
        '[tables.category]\ntopic = "cord-category.ConcordDb.dbo.Category"\n'
        '[tables.else]\ntopic = "cord.ConcordDb.dbo.Else"\n'
    )
    done = cli_plain("cdc", "validate", "--table", "category")
    assert done.exit_code == 0
    assert "sqlserver-category-connector in " in done.stderr
    done = cli_plain("cdc", "validate", "--table", "else")
    assert done.exit_code == 2
    assert "writes cord.ConcordDb.dbo.Else, which [tables.else] reads" in done.stderr
    assert "connectors_dir" in done.stderr
    done = cli_plain("cdc", "validate", str(PRODUCT), "--table", "category")
    assert done.exit_code == 2
    assert "[tables.category] reads cord-category.ConcordDb.dbo.Category" in done.stdout


def test_an_own_directory_of_connectors_is_used(cli_plain, write, tmp_path):
    file = write()
    env = {"BICTL_CONNECT_CONNECTORS_DIR": "own"}
    done = cli_plain("cdc", "validate", env=env)
    assert (done.exit_code, f"{NAME} in {file}: " in done.stderr) == (0, True)
    done = cli_plain("cdc", "validate", env=env | {"BICTL_CONNECT_CONNECTOR": "sqlserver-prodcut"})
    assert done.exit_code == 2
    assert f"did you mean '{NAME}'?" in done.stderr


def test_a_dry_run_shows_the_difference_and_sends_nothing(cli_plain, replay):
    done = cli_plain("cdc", "apply", "--dry-run", env={"BICTL_CONNECT_URL": replay.url})
    assert (done.exit_code, replay.sent) == (0, [])
    lines = done.stdout.splitlines()
    assert len(lines) == len(CONFIG)
    reference = CONFIG["database.password"]
    assert f"added\tdatabase.password\t\t{reference}" in lines
    assert done.stderr == f"dry run: create {NAME}\n"


def test_a_database_that_does_not_answer_is_code_4_and_nothing_is_put(cli_plain, replay):
    replay.give("validate_ss-good")
    done = cli_plain("cdc", "apply", env={"BICTL_CONNECT_URL": replay.url})
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr.startswith(
        "the worker tries the database at sqlserver:1433\n"
        "error: the worker cannot reach the database at sqlserver:1433: "
    )
    assert [place for place, _ in replay.sent] == [f"PUT {PLUGIN}/validate"]


def test_a_change_of_what_runs_needs_a_person_or_yes_before_anything_is_asked(cli_plain, replay):
    replay.connector("status_running", name=NAME)
    replay.answers["/connectors?expand=status&expand=info"].pop(0)
    replay.say(f"/connectors/{NAME}/config", 200, {**CONFIG, "max.batch.size": "1", "name": NAME})
    done = cli_plain("cdc", "apply", env={"BICTL_CONNECT_URL": replay.url})
    assert (done.exit_code, done.stdout, replay.sent) == (2, "", [])
    assert "say --yes" in done.stderr


def test_an_unchanged_connector_is_left_alone(cli_plain, replay):
    replay.connector("status_running", name=NAME)
    replay.answers["/connectors?expand=status&expand=info"].pop(0)
    replay.say(f"/connectors/{NAME}/config", 200, {**CONFIG, "name": NAME})
    replay.say(f"/connectors/{NAME}/tasks", 200, [])
    done = cli_plain("-q", "cdc", "apply", env={"BICTL_CONNECT_URL": replay.url})
    assert (done.exit_code, done.stdout, done.stderr, replay.sent) == (0, "", "", [])
    done = cli_plain("cdc", "apply", env={"BICTL_CONNECT_URL": replay.url})
    assert done.stderr == (
        f"nothing to do: {NAME} has this configuration; RUNNING, 1 task RUNNING\n"
    )
