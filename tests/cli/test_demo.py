"""bictl demo: the whole way from a change event to a verified search hit, and on from there."""

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bictl.local.stack import Stack

SMALL = ("--products", "60", "--changes", "30")


@pytest.fixture(scope="module")
def place():
    """A state directory for this file's demo, its services ended afterwards."""
    directory = Path(os.environ["TESTS_OF_BICTL"]) / f"demo-{secrets.token_hex(4)}"
    yield directory
    Stack(directory).purge()


@pytest.fixture
def bictl(place, tmp_path):
    """Runs bictl where a configuration points to services that are not the demo's."""
    (tmp_path / "bictl.toml").write_text(
        '[kafka]\nbootstrap_servers = "127.0.0.1:1"\n[postgres]\nport = 1\n'
    )
    environment = {key: value for key, value in os.environ.items() if key[:6] != "BICTL_"}
    environment |= {"BICTL_STATE_DIR": str(place), "BICTL_S3_ENDPOINT_URL": "http://127.0.0.1:1"}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "bictl", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def first(place):
    """The first demo's document."""
    environment = {key: value for key, value in os.environ.items() if key[:6] != "BICTL_"}
    done = subprocess.run(
        [sys.executable, "-m", "bictl", "demo", *SMALL, "--json"],
        env={**environment, "BICTL_STATE_DIR": str(place)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "bictl stack down" in done.stderr
    return json.loads(done.stdout)


def test_a_first_demo_is_complete(first):
    records = first["published"]["next"]
    assert first["schema"] == "bictl.demo/1"
    assert [step["state"] for step in first["steps"]] == ["ok"] * 4
    assert first["verify"]["complete"]
    assert first["verify"]["headline"].startswith(
        f"Kafka → vectors complete: {records} of {records} records"
    )
    assert [item["state"] for item in first["verify"]["boundaries"]] == ["ok"] * 4


def test_its_searches_find_something_each_in_its_own_way(first):
    by_meaning, by_code, *_, ukrainian, german = first["searches"]
    assert {"meaning"} <= set(by_meaning["hits"][0]["found_by"])
    assert by_code["query"] == by_meaning["hits"][0]["vendor_code"]
    assert by_code["hits"][0]["found_by"][0] == "code"
    assert {ukrainian["mode"], german["mode"]} == {"keyword"}


def test_the_next_demo_goes_on_where_it_was(first, place, bictl):
    """Whatever is configured in this directory: the demo has its own services."""
    done = bictl("demo", *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    new = again["published"]["next"] - first["published"]["next"]
    assert 0 < again["published"]["first"] == first["published"]["next"]
    assert f"wrote 1 batch, {new} records" in again["steps"][0]["summary"]
    assert again["verify"]["complete"]
    assert f"bictl --config {place}/stack/bictl.toml verify" in done.stderr


def test_a_pipeline_killed_in_a_demo_is_finished_by_the_next(first, place, bictl):
    child = subprocess.Popen(
        [sys.executable, "-m", "bictl", "demo", *SMALL],
        env={**os.environ, "BICTL_STATE_DIR": str(place)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    for line in child.stderr:
        if line.startswith("ingest"):
            child.send_signal(signal.SIGKILL)
    child.wait()
    child.stderr.close()
    assert child.returncode == -signal.SIGKILL
    assert {found.state for found in Stack(place).status()} == {"running"}
    done = bictl("demo", *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verify"]["complete"]


def test_ctrl_c_leaves_the_stack_running_and_says_so(first, place):
    child = subprocess.Popen(
        [sys.executable, "-m", "bictl", "demo", *SMALL],
        env={**os.environ, "BICTL_STATE_DIR": str(place)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    said = []
    for line in child.stderr:
        said.append(line)
        if line.startswith("publish"):
            child.send_signal(signal.SIGINT)
    child.stderr.close()
    assert child.wait() == 130
    assert any("the stack keeps running; `bictl stack down` ends it" in line for line in said)
    assert {found.state for found in Stack(place).status()} == {"running"}
