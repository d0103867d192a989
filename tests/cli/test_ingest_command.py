"""bictl ingest and bictl ack: streams, forms and exit codes, on a real topic and bucket."""

import json
from contextlib import closing

import pytest
from ingested import delete_topic, records

__all__ = ["delete_topic"]


@pytest.fixture
def topic(settings) -> str:
    return settings.table("product").topic


def test_the_result_is_on_stdout_and_the_change_on_stderr(produce, topic, cli):
    produce(topic, records(12) + records(3, partition=1), 2)
    done = cli("ingest", "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0, done.stderr
    assert document["schema"] == "bictl.ingest/1"
    assert [
        (row["partition"], row["first"], row["next"], row["records"], row["batches"])
        for row in document["rows"]
    ] == [(0, 0, 12, 12, 1), (1, 0, 3, 3, 1)]
    assert "ingest product: wrote 2 batches, 15 records; frontier 0:12, 1:3" in done.stderr


def test_a_second_run_says_that_there_is_nothing_to_do(produce, topic, cli):
    produce(topic, records(5))
    cli("ingest")
    done = cli("ingest", "--topic", topic)
    assert done.exit_code == 0
    assert "nothing to do; frontier 0:5" in done.stderr
    row = done.stdout.rstrip("\n").split("\t")
    assert row[:4] == ["product", "0", "5", "5"]


def test_in_cron_it_is_silent_on_success(produce, topic, cli):
    produce(topic, records(5))
    done = cli("-q", "ingest")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_topic_is_2_and_names_what_exists(produce, topic, cli):
    produce(f"{topic}s", [])
    done = cli("-q", "ingest")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"error: unknown topic '{topic}'" in done.stderr
    assert f"hint: did you mean '{topic}s'?" in done.stderr


def test_a_broker_that_is_not_there_is_4(cli):
    done = cli("--timeout", "20", "ingest", env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert (done.exit_code, done.stdout) == (4, "")
    assert "error: connect to Kafka at 127.0.0.1:1: " in done.stderr
    assert "hint: " in done.stderr


def test_wrong_s3_credentials_are_2_and_never_shown(produce, topic, cli):
    produce(topic, records(1))
    done = cli("ingest", env={"BICTL_S3_SECRET_ACCESS_KEY": "S3CR3T-sentinel"})
    assert (done.exit_code, done.stdout) == (2, "")
    assert "SignatureDoesNotMatch" in done.stderr
    assert "S3CR3T-sentinel" not in done.stderr


def test_a_recreated_topic_is_6_until_it_is_acknowledged(produce, topic, cli, delete_topic):
    produce(topic, records(5))
    cli("ingest")
    delete_topic(topic)
    produce(topic, records(7, word="new"))

    refused = cli("-q", "ingest")
    assert (refused.exit_code, refused.stdout) == (6, "")
    hint = next(line for line in refused.stderr.splitlines() if line.startswith("hint: "))
    new = hint.split("--generation ")[1].split()[0]

    without = cli("ack", "--generation", new)
    assert without.exit_code == 2
    assert "needs a reason" in without.stderr
    typo = cli("ack", "--generation", "typo", "--reason", "x")
    assert typo.exit_code == 2
    assert new in typo.stderr

    done = cli("ack", "--generation", new, "--reason", "rebuilt", "--person", "olena", "--json")
    row = json.loads(done.stdout)["rows"][0]
    assert (done.exit_code, row["kind"], row["generation"]) == (0, "generation", new)
    assert (row["person"], row["reason"], row["written"]) == ("olena", "rebuilt", True)
    again = cli("ack", "--generation", new, "--reason", "twice")
    assert again.exit_code == 0
    assert "nothing written" in again.stderr

    assert "wrote 1 batch, 7 records" in cli("ingest").stderr
    listed = cli("ack", "--json")
    assert [row["reason"] for row in json.loads(listed.stdout)["rows"]] == ["rebuilt"]


def test_what_kafka_still_has_cannot_be_acknowledged(produce, topic, cli):
    produce(topic, records(5))
    cli("ingest", "--max-records", "2")
    done = cli("ack", "--range", "0:[2,5)", "--reason", "tired")
    assert done.exit_code == 2
    assert "0:[2,5) cannot be acknowledged" in done.stderr
    assert cli("ack", "--range", "2-5", "--reason", "x").exit_code == 2


def test_two_at_once_the_second_names_the_first(produce, topic, cli, settings):
    from bictl.ops.locks import topic_lock

    produce(topic, records(5))
    with closing(_Held(topic_lock(settings.state_dir, topic, wait=0, command="ingest product"))):
        done = cli("-q", "ingest")
    assert done.exit_code == 5
    assert "ingest product" in done.stderr


class _Held:
    def __init__(self, lock) -> None:
        self.lock = lock
        lock.__enter__()

    def close(self) -> None:
        self.lock.__exit__(None, None, None)
