"""A system that does not answer makes its boundaries unknown; the others are judged as ever."""

import socket
import time
from dataclasses import replace

import pytest

from bictl.clients import Clients
from bictl.verify.report import State

OTHERS = """select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()"""


def dead_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def without(settings, *services):
    """The settings with these services somewhere where nobody answers."""
    port = dead_port()
    changed = {
        "kafka": replace(settings.kafka, bootstrap_servers=f"127.0.0.1:{port}"),
        "s3": replace(settings.s3, endpoint_url=f"http://127.0.0.1:{port}"),
        "postgres": replace(settings.postgres, port=port),
    }
    return replace(settings, **{name: changed[name] for name in services})


def states(report):
    return [boundary.state.value for boundary in report.boundaries]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("kafka", ["unknown", "ok", "ok", "ok"]),
        ("s3", ["unknown", "unknown", "ok", "ok"]),
        ("postgres", ["unknown", "unknown", "unknown", "unknown"]),
    ],
)
def test_a_dead_service_makes_its_boundaries_unknown_and_no_other(pipeline, service, expected):
    settings = without(pipeline.settings, service)
    with Clients(settings, timeout=2) as clients:
        started = time.monotonic()
        report = type(pipeline)(settings, clients).verify()
    assert states(report) == expected
    assert (report.state, report.exit_code, report.complete) == (State.UNKNOWN, 3, False)
    assert report.headline.startswith("cannot tell: ")
    assert time.monotonic() - started < 30, "one timeout for all checks, not one each"


def test_with_nothing_reachable_nothing_is_evaluated_and_the_code_is_4(pipeline):
    settings = without(pipeline.settings, "kafka", "s3", "postgres")
    with Clients(settings, timeout=2) as clients:
        report = type(pipeline)(settings, clients).verify()
    assert states(report) == ["unknown"] * 4
    assert report.exit_code == 4


def test_a_break_is_named_although_another_service_is_dead(pipeline):
    pipeline.execute("delete from bronze.product_cdc where kafka_offset = 7")
    settings = without(pipeline.settings, "kafka")
    with Clients(settings, timeout=2) as clients:
        report = type(pipeline)(settings, clients).verify()
    assert states(report)[:2] == ["unknown", "fail"]
    assert report.exit_code == 1


def test_a_wrong_password_is_unknown_and_says_so(pipeline):
    from bictl.settings import Secret

    postgres = replace(pipeline.settings.postgres, password=Secret("wrong"))
    settings = replace(pipeline.settings, postgres=postgres)
    with Clients(settings, timeout=2) as clients:
        report = type(pipeline)(settings, clients).verify()
    assert report.state is State.UNKNOWN
    assert "wrong" not in report.headline


def test_a_missing_topic_is_unknown_and_names_what_exists(pipeline):
    table = replace(pipeline.table, topic="cord.Nowhere.dbo.Product")
    check = pipeline.check("K1", table=table)
    assert check.state is State.UNKNOWN
    assert "cord.Nowhere.dbo.Product" in check.message
    assert pipeline.table.topic not in check.message


def test_a_missing_bucket_is_unknown(pipeline):
    settings = replace(pipeline.settings, s3=replace(pipeline.settings.s3, bucket="nowhere"))
    with Clients(settings, timeout=2) as clients:
        report = type(pipeline)(settings, clients).verify()
    assert states(report)[:2] == ["unknown", "unknown"]
    assert report.exit_code == 3


def test_a_connection_that_dies_while_verifying_leaves_the_rest_unknown(pipeline, before_check):
    def kill():
        """Before staging is read, as soon as the snapshot is there."""
        with pipeline.clients.new_database() as other:
            while not other.rows(OTHERS + " and state = 'idle in transaction'"):
                time.sleep(0.01)
            other.rows(f"select pg_terminate_backend(pid) from ({OTHERS}) as others")

    before_check("T2", kill)
    report = pipeline.verify()
    assert states(report)[2:] == ["unknown", "unknown"]
    assert report.exit_code == 3
