"""A Kafka Connect worker that refuses, says nothing or half of it: `cdc status` says so in time,
and verify gives its verdict about everything else."""

import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from between import Answer, Between, Meddle, cut_after
from connect_replay import Replay
from cron_stages import Bictl
from scene import succeed

pytestmark = pytest.mark.timeout(600)  # the scene is made within the first test

TIMEOUT = 8  # seconds
GRACE, START = 5.0, 20.0  # to the end by force; of a loaded machine
BOOM = json.dumps({"error_code": 500, "message": "boom"}).encode()
JSON = {"Content-Type": "application/json"}


def silent(request, ask):
    time.sleep(TIMEOUT + GRACE + START)
    return ask()


ANSWERS: dict[str, tuple[Meddle, int, str]] = {  # the code of `cdc status`, and what it names
    "500": (lambda request, ask: Answer(500, BOOM, JSON), 1, "boom"),
    "503": (lambda request, ask: Answer(503, b"busy"), 4, "503"),
    "429": (lambda request, ask: Answer(429, b"busy"), 4, "429"),
    "silent": (silent, 4, "Kafka Connect at "),
    "cut at byte 0": (lambda request, ask: cut_after(ask(), 0), 4, "without an answer"),
    "cut in the middle": (lambda request, ask: cut_after(ask(), 300), 4, "Kafka Connect at "),
    "cut before the last byte": (lambda request, ask: cut_after(ask(), -1), 4, "Connect at "),
}
SAMPLE = {"503", "cut in the middle"}
CELLS = [
    pytest.param(name, marks=() if name in SAMPLE else pytest.mark.outages) for name in ANSWERS
]


@pytest.fixture
def worker() -> Iterator[Between]:
    with closing(Replay()) as replay:
        replay.connector("status_running")
        with closing(Between(replay.url.removeprefix("http://"))) as between:
            yield between


def ended(bictl: Bictl, record_property, name: str, *words: str, env: dict[str, str]):
    began = time.monotonic()
    running = bictl.start("--timeout", str(TIMEOUT), *words, env=env)
    out, err = running.communicate(timeout=120)
    took = time.monotonic() - began
    row = ("connect", name, words[0], running.returncode, took, 0)
    record_property("outage", row)
    assert took < TIMEOUT + GRACE + START
    assert "Traceback" not in err
    assert "bug in bictl" not in err
    return running.returncode, out, err


@pytest.mark.parametrize("name", CELLS)
def test_cdc_status_says_what_the_worker_did(scene, worker, tmp_path, record_property, name):
    meddle, expected, named = ANSWERS[name]
    with scene.pipeline("produced") as settings:
        bictl = Bictl(settings, tmp_path)
        env = {"BICTL_CONNECT_URL": f"http://{worker.address}"}
        worker.meddle = meddle
        code, _, err = ended(bictl, record_property, name, "cdc", "status", env=env)
        assert code == expected, err
        assert [line.partition(":")[0] for line in err.splitlines()] == ["error", "hint"], err
        assert named in err
        assert len(worker.asked) < 20
        succeed_again(worker, settings, tmp_path, env)


def succeed_again(worker, settings, directory, env):
    from between import honest

    worker.meddle = honest
    running = Bictl(settings, directory).start("-q", "cdc", "status", env=env)
    _, err = running.communicate(timeout=120)
    assert running.returncode in (0, 1), err  # what it says of the connector itself
    assert "error: " not in err


@pytest.mark.outages
@pytest.mark.parametrize("name", ANSWERS)
def test_verify_without_the_worker_is_a_verdict_about_the_rest(
    scene, worker, tmp_path, record_property, name
):
    meddle, *_ = ANSWERS[name]
    with scene.pipeline("whole") as settings:
        env = {"BICTL_CONNECT_URL": f"http://{worker.address}"}
        worker.meddle = meddle
        started = time.monotonic()
        succeed(settings, tmp_path, "verify")
        limit = round(TIMEOUT + 2 * (time.monotonic() - started))
        bictl = Bictl(settings, tmp_path)
        running = bictl.start("--timeout", str(limit), "verify", "--json", env=env)
        out, err = running.communicate(timeout=200)
        record_property("outage", ("connect", name, "verify", running.returncode, 0.0, 0))
        assert running.returncode == 3, (out, err)
        states = {one["id"]: one["state"] for one in json.loads(out)["checks"]}
        assert states["C1"] == "unknown", states
        for known in ("O1", "B1", "E1"):
            assert states[known] == "ok", states
