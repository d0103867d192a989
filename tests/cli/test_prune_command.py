"""bictl prune as a person and a script meet it."""

import json
import os
import pty
import subprocess
import sys

import pytest
from environment import plain_environment
from test_verify_command import OLD, plain

from bictl.ops.locks import stage_lock

COUNT, KEYS = 60, 12


def versions(count=COUNT):
    """Records of twelve products, five of each."""
    for number in range(count):
        key, value = plain(1 + number % KEYS)
        lsn = f'"commit_lsn":"{number:08x}:00000000:0001"'.encode()
        old = f'"commit_lsn":"{1 + number % KEYS:08x}:00000000:0001"'.encode()
        yield key, value.replace(old, lsn), [], OLD, 0


@pytest.fixture
def whole(settings, produce, cli):
    """A complete pipeline, not verified yet."""
    produce(settings.table("product").topic, versions())
    for stage in ("ingest", "load-bronze", "transform", "embed"):
        assert cli(stage).exit_code == 0
    return settings


def test_without_a_full_verdict_nothing_is_pruned(settings, produce, cli, clients):
    produce(settings.table("product").topic, versions())
    for stage in ("ingest", "load-bronze"):
        assert cli(stage).exit_code == 0
    assert cli("verify", "--quick").exit_code == 0

    done = cli("prune", "--before", "1d", "--yes")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "error: no full verdict on product was ever complete" in done.stderr
    assert "hint: bictl verify --table product" in done.stderr
    assert clients.database.value("select count(*) from bronze.product_cdc") == COUNT

    other = clients.new_database(application="bictl prune product")
    with stage_lock(other, "prune", "product", wait=0, command="prune product"):
        held = cli("prune", "--before", "1d", "--yes")
    assert held.exit_code == 5
    assert "another run holds the lock of prune of table product" in held.stderr


def test_from_a_dry_run_to_a_verdict_on_what_is_left(whole, cli, clients):
    assert cli("verify").exit_code == 0
    removed = COUNT - KEYS - 1  # the newest of each key, and the partition's first

    dry = cli("prune", "--below", f"0:{COUNT}", "--dry-run", "--json")
    document = json.loads(dry.stdout)
    assert (dry.exit_code, document["schema"]) == (0, "bictl.prune/1")
    assert (document["removed"], document["dry_run"]) == (removed, True)
    assert clients.database.value("select count(*) from bronze.product_cdc") == COUNT

    done = cli("prune", "--before", "30d", "--yes")
    assert done.exit_code == 0, done.stderr
    table, _, *counts = done.stdout.rstrip("\n").split("\t")
    assert (table, counts[:4]) == ("product", ["0", str(COUNT), str(COUNT), str(removed)])
    assert f"prune product: {removed} rows removed (before " in done.stderr
    assert "bronze.product_cdc took " in done.stderr

    again = cli("prune", "--before", "30d", "--yes")
    assert "nothing to do" in again.stderr
    assert cli("-q", "prune", "--before", "30d", "--yes").stderr == ""

    said = cli("verify", "-o", "table")
    assert said.exit_code == 0, said.stdout
    assert f"{COUNT} of {COUNT} records ({removed} pruned from bronze)" in said.stdout
    assert "nothing to do" in cli("transform").stderr
    assert "all 12 vectors are those of their texts" in cli("embed").stderr
    assert "nothing to do" in cli("load-bronze").stderr
    assert "47 of them pruned before" in cli("load-bronze", "--replay").stderr
    assert cli("verify").exit_code == 0
    [[first], *_] = clients.database.rows(
        "select result ->> 'summary' from bictl.run where command = 'prune' order by id"
    )
    assert first.startswith(f"{removed} rows removed (before ")  # a dry run stands in no ledger


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "say what may go, in one way"),
        (("--before", "1d", "--below", "0:5"), "say what may go, in one way"),
        (("--before", "yesterday"), "--before 'yesterday' is neither an age nor a time"),
        (("--before", "2026-13-01"), "--before '2026-13-01' is neither an age nor a time"),
        (("--before", "999999w"), "--before '999999w' is neither an age nor a time"),
        (("--below", "5"), "'5' is no offset of a partition"),
        (("--before", "1d"), "prune removes rows and there is nobody to ask"),
    ],
)
def test_words_that_say_nothing_clear_are_refused_before_anything_is_opened(cli, words, error):
    done = cli("prune", *words)

    assert (done.exit_code, done.stdout) == (2, "")
    assert f"error: {error}" in done.stderr
    assert "hint: " in done.stderr


def test_at_a_terminal_a_person_is_asked(whole, cli, clients, tmp_path):
    assert cli("verify").exit_code == 0

    for answer, left in (("n", COUNT), ("y", KEYS + 1)):
        assert b"47 rows would go" in asked(whole, tmp_path, answer)
        assert clients.database.value("select count(*) from bronze.product_cdc") == left


def asked(settings, directory, answer):
    """What a person at a terminal reads before they answer."""
    ours, theirs = pty.openpty()
    kept = plain_environment()
    process = subprocess.Popen(
        [sys.executable, "-m", "bictl", "--no-color", "prune", "--before", "30d"],
        env=kept | {"BICTL_CONFIG": str(settings.path), "BICTL_STATE_DIR": str(settings.state_dir)},
        cwd=directory,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 4096)
    os.write(ours, f"{answer}\n".encode())
    process.stdout.read()
    assert process.wait(60) == 0
    os.close(ours)
    return said
