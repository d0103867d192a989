"""bictl status: how far each table is, whatever does not answer; a look and no verdict."""

import json
import signal
import socket
import subprocess
import sys
import time

import pytest
from environment import plain_environment
from three_tables import configure, event, fill

COUNT, READ = 40, 25
DEAD = {
    "Postgres": {"BICTL_POSTGRES_PORT": "1"},
    "the object store": {"BICTL_S3_ENDPOINT_URL": "http://127.0.0.1:1"},
    "Kafka": {"BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
}


@pytest.fixture
def written(settings, produce):
    """COUNT products in the topic; the last of them came just now."""
    now = int(time.time() * 1000)
    old = now - 86_400_000
    produce(
        settings.table("product").topic,
        [
            (*event(number), [], now if number == COUNT else old, 0)
            for number in range(1, COUNT + 1)
        ],
    )


def look(cli, *words, env=None, code=0):
    done = cli("status", "--json", *words, env=env)
    assert done.exit_code == code, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "bictl.status/1"
    return {item["table"]: item for item in document["tables"]}


def layers(table):
    return {item["name"]: item["rows"] for item in table["layers"]}


def test_each_layer_and_each_stage_is_told_and_lag_is_no_error(written, cli):
    before = look(cli)["product"]
    assert (before["lag"], before["state"]) == (COUNT, "late")
    assert set(layers(before).values()) == {0}
    assert {stage["newest_state"] for stage in before["stages"]} == {"never"}

    assert cli("migrate").exit_code == 0
    assert cli("ingest", "--max-records", str(READ)).exit_code == 0
    for stage in ("load-bronze", "transform", "embed"):
        assert cli(stage).exit_code == 0
    assert cli("verify").exit_code == 1

    product = look(cli)["product"]
    [part] = product["partitions"]
    assert (part["frontier"], part["end"], part["lag"]) == (READ, COUNT, COUNT - READ)
    assert part["state"] == "late"
    assert 86_000 < part["lag_seconds"] < 90_000
    assert layers(product) == {
        "objects": READ,
        "bronze": READ,
        "quarantine": 0,
        "staging": READ,
        "vectors": READ,
    }
    assert all(layer["exact"] for layer in product["layers"])
    assert [stage["newest_state"] for stage in product["stages"]] == [*["ok"] * 4, "fail"]
    [verdict] = product["verdicts"]
    assert (verdict["state"], verdict["level"]) == ("fail", "default")

    shown = cli("status", "-o", "table")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("product: late, 15 behind; verify: fail\n")
    assert "full verdict of " in shown.stdout
    assert verdict["headline"] in shown.stdout
    assert "complete" not in shown.stdout


def test_what_came_just_now_is_in_flight_and_then_there_is_no_lag(written, cli):
    assert cli("ingest", "--max-records", str(COUNT - 1)).exit_code == 0
    [part] = look(cli)["product"]["partitions"]
    assert (part["state"], part["lag"]) == ("in flight", 1)
    assert part["lag_seconds"] < 300
    assert cli("ingest").exit_code == 0
    [part] = look(cli)["product"]["partitions"]
    assert (part["state"], part["lag"], part["lag_seconds"]) == ("no lag", 0, 0)


def test_batches_that_are_not_loaded_yet_are_at_most_what_they_answer_for(written, cli):
    assert cli("ingest").exit_code == 0
    [objects, *_] = look(cli)["product"]["layers"]
    assert (objects["rows"], objects["how"]) == (COUNT, "at most")
    assert cli("load-bronze").exit_code == 0
    [objects, *_] = look(cli)["product"]["layers"]
    assert (objects["rows"], objects["how"], objects["note"]) == (COUNT, "counted", "1 batch")


@pytest.mark.parametrize("service", DEAD)
def test_a_service_that_is_down_is_named_and_the_rest_is_told(written, cli, service):
    assert cli("ingest").exit_code == 0
    assert cli("load-bronze").exit_code == 0
    product = look(cli, env=DEAD[service], code=3)["product"]
    assert list(product["unknown"]) == [service]
    known = layers(product)
    if service == "Postgres":
        assert known == {"objects": COUNT, **dict.fromkeys(list(known)[1:])}
        assert product["lag"] == 0
    elif service == "Kafka":
        assert product["partitions"][0]["frontier"] == COUNT
        assert (product["lag"], known["bronze"]) == (None, COUNT)
    else:
        assert product["partitions"][0]["end"] == COUNT
        assert (product["lag"], known["objects"], known["bronze"]) == (None, None, COUNT)

    quiet = cli("-q", "status", env=DEAD[service])
    assert (quiet.exit_code, quiet.stdout) == (3, "")
    error, hint = quiet.stderr.splitlines()
    assert error.startswith(f"error: {service} did not tell: ")
    assert hint.startswith("hint: ")


def test_when_nothing_answers_it_is_code_4_and_every_cell_says_so(cli):
    nothing = {name: value for one in DEAD.values() for name, value in one.items()}
    done = cli("status", env=nothing)
    assert done.exit_code == 4
    cells = [line.split("\t") for line in done.stdout.splitlines()]
    assert {cell[5] for cell in cells} == {"unknown"}


def test_services_that_hang_are_left_behind_after_a_few_seconds(written, cli):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        product = look(
            cli,
            env={"BICTL_POSTGRES_PORT": str(port), "BICTL_POSTGRES_HOST": "127.0.0.1"},
            code=3,
        )["product"]
        assert time.monotonic() - started < 20
    assert product["lag"] == COUNT
    assert list(product["unknown"]) == ["Postgres"]


def test_every_table_is_told_and_a_missing_topic_is_that_table_s_alone(
    settings, tmp_path, produce, cli
):
    three = configure(settings, tmp_path)
    fill(produce, three.settings, ("product", "maker"))
    tables = look(cli, code=3)
    assert {name: item["lag"] for name, item in tables.items()} == {
        "product": 12,
        "category": None,
        "maker": 12,
    }
    assert "unknown topic" in tables["category"]["unknown"]["Kafka"]
    assert list(look(cli, "--table", "maker")) == ["maker"]


def test_a_recreated_topic_is_unknown_and_not_in_order(written, settings, produce, cli):
    from kafka.admin import KafkaAdminClient

    topic = settings.table("product").topic
    assert cli("ingest").exit_code == 0
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    admin.delete_topics([topic])
    admin.close()
    produce(topic, [(*event(1), [], 1, 0)])
    product = look(cli, code=3)["product"]
    assert (product["state"], product["lag"]) == ("recreated", None)
    assert "another topic than was read" in product["unknown"]["Kafka"]


def test_a_store_that_hangs_takes_no_answer_of_kafka_with_it(written, cli):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = {"BICTL_S3_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        done = cli("--timeout", "20", "status", "--json", env=hung)
    assert done.exit_code == 3, done.stderr
    [product] = json.loads(done.stdout)["tables"]
    assert list(product["unknown"]) == ["the object store"]
    assert [part["end"] for part in product["partitions"]] == [COUNT]
    assert "not finished" not in done.stderr


def test_watch_looks_again_until_it_is_stopped(written, cli, settings, tmp_path):
    watching = subprocess.Popen(
        [sys.executable, "-m", "bictl", "status", "--watch", "0.5", "-o", "jsonl"],
        env={
            **plain_environment(),
            "BICTL_CONFIG": str(settings.path),
            "BICTL_STATE_DIR": str(settings.state_dir),
        },
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        lines = [json.loads(watching.stdout.readline()) for _ in range(2)]
        assert [line["lag"] for line in lines] == [COUNT, COUNT]
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
        assert watching.wait(timeout=60) == 0
    finally:
        watching.kill()
        watching.wait()
