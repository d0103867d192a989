"""What M4, M5, M6, M8 and M9 make of what was looked at; and certificates as they are shown."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from evidence import NOW, TABLE

from bictl.clients.certificates import Endpoint, expiry_of, expiry_of_file, not_after
from bictl.errors import ConfigError, Unreachable
from bictl.ops.answer import Answer
from bictl.ops.ledger import Last
from bictl.ops.locks import Holder, holders, topic_lock
from bictl.verify import machine
from bictl.verify.machine import Expiry
from bictl.verify.report import State

HOUR, DAY = 3600, 86400


def last(stage, age=None, *, failed=0, state="ok", summary=""):
    return Last(
        stage=stage,
        table="product",
        run_id="r",
        at=None if age is None else NOW - timedelta(seconds=age),
        seconds=1.0,
        summary="",
        failed_since=failed,
        newest_run="r",
        newest_at=NOW,
        newest_state=state,
        newest_summary=summary,
    )


def holder(age):
    since = None if age is None else NOW.timestamp() - age
    return Holder(pid=77, host="h", since=since, command="embed product")


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ({}, "ok"),
        ({"a": "skipped"}, "ok"),
        ({"a": "ok", "b": "skipped"}, "ok"),
        ({"a": "ok", "b": "warn"}, "warn"),
        ({"a": "fail", "b": "warn"}, "fail"),
    ],
)
def test_the_worst_look_decides_and_what_could_not_be_looked_at_does_not(states, state):
    found = machine.looks(
        {what: Answer(one, f"{what} told", f"mend {what}") for what, one in states.items()},
        nothing="nothing to look at",
    )
    assert found.state == state
    assert found.evaluated > 0
    if state == "fail":
        assert found.hint == "mend a"
        assert found.extra.keys == ("a", "b")


@pytest.mark.parametrize(
    ("days", "state"),
    [(15, "ok"), (14, "ok"), (13.9, "warn"), (2, "warn"), (1.9, "fail"), (-1, "fail")],
)
def test_what_ends_soon_is_told_before_it_ends(days, state):
    known = [
        Expiry(what="the password", end=None, renew="nothing"),
        Expiry(what="the certificate", end=NOW + timedelta(days=days), renew="renew it"),
    ]
    found = machine.expiries(known, now=NOW)
    assert found.state == state
    if state != "ok":
        assert (found.hint, found.extra.keys) == ("renew it", ("the certificate",))
        assert ("has ended" in found.message) == (days < 0)


def test_two_that_end_at_one_moment_are_both_named():
    both = [Expiry(what=name, end=NOW, renew="renew") for name in ("a", "b")]
    assert machine.expiries(both, now=NOW).extra.keys == ("a", "b")


@pytest.mark.parametrize(
    ("ages", "every", "state"),
    [
        ([None, None], 0, "ok"),
        ([100 * DAY, None], 0, "ok"),
        ([HOUR, HOUR], HOUR, "ok"),
        ([HOUR, HOUR + 1], HOUR, "warn"),
        ([HOUR, 3 * HOUR], HOUR, "warn"),
        ([HOUR, 3 * HOUR + 1], HOUR, "fail"),
        ([HOUR, None], HOUR, "fail"),
    ],
)
def test_a_stage_that_is_silent_for_too_long_is_told_where_its_rhythm_was_promised(
    ages, every, state
):
    runs = [last("ingest", ages[0]), last("embed", ages[1])]
    found = machine.stages(runs, every=every, now=NOW, table=TABLE)
    assert found.state == state
    if state != "ok":
        assert found.extra.keys == ("embed",)
        assert found.hint.startswith("bictl run --table product")


@pytest.mark.parametrize(
    ("failed", "state", "expected"),
    [(0, "ok", "ok"), (2, "fail", "warn"), (1, "killed", "warn"), (1, "running", "ok")],
)
def test_a_stage_that_comes_to_nothing_is_told_whatever_its_rhythm(failed, state, expected):
    runs = [last("transform", HOUR, failed=failed, state=state, summary="dbt: 1 error")]
    found = machine.stages(runs, every=0, now=NOW, table=TABLE)
    assert found.state == expected
    if expected == "warn":
        assert "dbt: 1 error" in found.message


@pytest.mark.parametrize(
    ("age", "longest", "state"),
    [
        (None, 1, "ok"),
        (HOUR, HOUR, "ok"),
        (HOUR + 1, HOUR, "warn"),
        (4 * HOUR, HOUR, "warn"),
        (4 * HOUR + 1, HOUR, "fail"),
        (100 * DAY, 0, "ok"),
    ],
)
def test_an_old_lock_names_its_holder(age, longest, state):
    found = machine.locks({"embed": holder(age)}, longest=longest, now=NOW)
    assert found.state == state
    if state != "ok":
        assert found.hint == "on h: ps -fp 77; if it does nothing any more: kill 77"
        assert found.extra.keys == ("embed",)


def test_no_lock_is_a_lock_that_nobody_holds():
    found = machine.locks({}, longest=1, now=NOW)
    assert (found.state, found.evaluated) == (State.OK, 1)


def test_ingests_lock_is_seen_and_not_taken(tmp_path):
    def seen():
        found = holders(None, state_dir=tmp_path, topic="t", stages=(), table="product")
        return found.get("ingest")

    assert seen() is None
    with topic_lock(tmp_path, "t", wait=0, command="ingest product"):
        assert seen().command == "ingest product"
    assert seen() is None
    [file] = (tmp_path / "locks").iterdir()
    file.write_text('{"pid": 1, "host": "elsewhere", "since": 0, "command": "ingest"}')
    assert seen() is None  # what a killed process left in its file is no lock


@pytest.fixture
def shown(tmp_path):
    """A server that shows a certificate, and the certificate's file."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    made = trustme.CA().issue_cert("localhost", not_after=end)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.configure_cert(context)
    file = tmp_path / "own.pem"
    made.cert_chain_pems[0].write_to_path(str(file))
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_show, args=(server, context), daemon=True).start()
        yield server.getsockname()[1], file, end


def _show(server, context):
    try:
        connection, _ = server.accept()
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)
    except OSError:
        return


def test_the_end_of_a_certificate_is_the_same_on_the_wire_and_in_the_file(shown):
    port, file, end = shown
    assert expiry_of_file(file) == end
    assert expiry_of(Endpoint(name="S3", host="127.0.0.1", port=port), timeout=5) == end


def test_a_server_that_is_not_there_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match=f"S3 at 127.0.0.1:{port}"):
        expiry_of(Endpoint(name="S3", host="127.0.0.1", port=port), timeout=5)


def test_a_file_without_a_certificate_says_so(tmp_path):
    (tmp_path / "x").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
    for name in ("x", "nothing"):
        with pytest.raises(ConfigError, match="no certificate that can be read"):
            expiry_of_file(Path(tmp_path / name))


def test_bytes_that_are_cut_are_no_certificate(shown):
    _, file, _ = shown
    whole = ssl.PEM_cert_to_DER_cert(file.read_text())
    for size in range(len(whole)):
        with pytest.raises(ValueError):
            not_after(whole[:size])
