"""cdc apply and cdc validate against a real worker: what is read back by another call counts."""

import json
import threading

import pytest
from kafka import TopicPartition

from bictl import assets

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(180)]
SHIPPED = sorted(assets.path("infra", "kafka-connect", "connectors").glob("*.json"))
BROKEN = {
    "transforms": "t",
    "transforms.t.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
    "transforms.t.field": "no_such_field",
}


@pytest.fixture
def write(source, tmp_path):
    """Writes the source's connector with these keys changed; the file's path."""

    def write(**changes: str | None) -> str:
        config = source.config(
            config={"key.converter.replace.null.with.default": "false", **changes}
        )
        file = tmp_path / "connector.json"
        file.write_text(json.dumps({"name": source.name, "config": config}))
        source.adopt(source.name)
        return str(file)

    return write


@pytest.fixture
def written(admin):
    """The end of the topic of the worker's configurations: any PUT, and any bounce, is past it."""

    def end() -> int:
        place = TopicPartition("connect-configs", 0)
        return admin.list_partition_offsets({place: -1})[place].offset

    return end


def running(source) -> dict[str, str]:
    status, body = source.rest("GET", f"/connectors/{source.name}/config")
    return body if status == 200 else {}


def test_it_creates_changes_and_leaves_alone_what_is_so_already(source, write, cli, written):
    file = write()
    done = cli("cdc", "apply", file, "--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["state"], document["tasks"]) == ("RUNNING", ["RUNNING"])
    assert source.states() == ["RUNNING", "RUNNING"]

    before, end = running(source), written()
    done = cli("cdc", "apply", file, "--json")
    assert (done.exit_code, json.loads(done.stdout)["changed"]) == (0, False)
    assert f"nothing to do: {source.name} has this configuration" in done.stderr
    assert written() == end

    password = source.stack.source.password.reveal()
    file = write(**{"max.batch.size": "512", "database.password": password})
    refused = cli("cdc", "apply", file)
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    shown = cli("cdc", "apply", file, "--dry-run", "-otsv")
    reference = before["database.password"]
    assert (shown.exit_code, shown.stdout.splitlines()) == (
        0,
        [f"changed\tdatabase.password\t{reference}\t***", "added\tmax.batch.size\t\t512"],
    )
    assert running(source) == before

    done = cli("cdc", "apply", file, "--yes", "-otsv")
    assert done.exit_code == 0, done.stderr
    assert "a literal secret" in done.stderr
    assert running(source) == {**before, "max.batch.size": "512", "database.password": password}
    for answer in (shown, done, refused):
        assert password not in answer.stdout + answer.stderr


def test_a_misspelt_key_is_refused_before_anything_is_sent(source, write, cli):
    done = cli("cdc", "apply", write(**{"snapshot.mdoe": "initial"}))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "error: snapshot.mdoe: the connector does not know this key" in done.stderr
    assert "hint: did you mean snapshot.mode?" in done.stderr
    assert running(source) == {}


def test_a_transformation_that_fails_is_shown_by_its_trace_and_a_right_one_runs(source, write, cli):
    source.sql('insert into dbo."Product" ("ID", "Name", "Created") values (1, $$x$$, now())')
    done = cli("cdc", "apply", write(**BROKEN), "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["health"], document["tasks"]) == (1, "fail", ["FAILED"])
    assert "Tolerance exceeded in error handler" in done.stderr
    assert "Unknown field: no_such_field" in done.stderr
    [check] = json.loads(cli("verify", "--select", "C1", "--json").stdout)["checks"]
    assert (check["state"], "Unknown field: no_such_field" in check["message"]) == ("fail", True)
    done = cli("cdc", "apply", write(), "--yes", "--json")  # the old trace is told for a while
    assert (done.exit_code, json.loads(done.stdout)["health"]) == (0, "ok"), done.stderr
    assert source.states() == ["RUNNING", "RUNNING"]


def test_two_at_once_end_in_one_configuration(source, write, cli):
    file, ended = write(), []

    def apply() -> None:
        ended.append(cli("cdc", "apply", file, "--yes"))

    both = [threading.Thread(target=apply) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    # Two PUTs in one instant may start a task twice, and the database refuse the second its slot.
    assert all(one.exit_code == 0 or "FAILED" in one.stderr for one in ended), ended
    assert cli("cdc", "restart", source.name, "--yes").exit_code == 0
    assert source.states() == ["RUNNING", "RUNNING"]


def test_a_database_that_is_down_is_named_with_code_4(source, write, cli):
    file = write(**{"database.hostname": "127.0.0.1", "database.port": "1"})
    for command in ("validate", "apply"):
        done = cli("cdc", command, file, "--table", "product")
        assert done.exit_code == 4
        assert "error: the worker cannot reach the database at 127.0.0.1:1" in done.stderr
        assert "cannot be created or changed while its database does not answer" in done.stderr
    assert running(source) == {}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_real_plugin_finds_nothing_but_the_missing_database(path, tmp_path, cli):
    document = json.loads(path.read_text())
    # The driver waits 15 s by default; the password's file is on the worker of the compose stack.
    document["config"] |= {"driver.loginTimeout": "1", "database.password": "x"}
    file = tmp_path / path.name
    file.write_text(json.dumps(document))
    done = cli("cdc", "validate", str(file), "--json")
    assert [row["key"] for row in json.loads(done.stdout)["rows"] if row["level"] == "fail"] == []
    assert done.exit_code == 4
    assert "the worker cannot reach the database at sqlserver:1433" in done.stderr


def test_what_the_worker_finds_stands_by_its_key(source, write, cli, tmp_path):
    config = json.loads(SHIPPED[0].read_text())["config"]
    config |= {"driver.loginTimeout": "1", "snapshot.mode": "initail", "database.password": "x"}
    config |= {"transforms": "t", "transforms.t.type": "no.Such"}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({"name": "wrong", "config": config}))
    done = cli("cdc", "validate", str(file), "--json")
    rows = [row for row in json.loads(done.stdout)["rows"] if row["by"] == "worker"]
    assert done.exit_code == 2
    assert {row["key"] for row in rows} == {"snapshot.mode", "transforms.t.type"}

    file.write_text(
        json.dumps({"name": "wrong", "config": config | {"connector.class": "no.Such"}})
    )
    done = cli("cdc", "validate", str(file))
    assert done.exit_code == 2
    assert "unknown connector class 'no.Such'" in done.stdout
