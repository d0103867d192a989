"""A probe that hangs cannot keep the report: at the deadline what is not known is unknown."""

import json
import socket
import time

import pytest
from cron_stages import frozen, one_and_swept, with_children

GRACE, START = 5.0, 20.0


@pytest.fixture
def arrived(produced, cli):
    assert cli("run").exit_code == 0


SERVICES = one_and_swept("postgres", "s3", "kafka")
FORMS = one_and_swept("nagios", "json")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("form", FORMS)
def test_a_frozen_service_leaves_the_rest_of_the_report(
    settings, produce, cli, bictl, fragile_stack, service, form
):
    produce(settings.table("product").topic, [(b'{"ID":1}', b"{}", [], 1, 0)])
    assert cli("ingest").exit_code == 0
    [pid] = [one.pid for one in fragile_stack.status() if one.name == service]
    with frozen(with_children(pid)):
        started = time.monotonic()
        running = bictl.start("--timeout", "7", "verify", "-o", form)
        out, err = running.communicate(timeout=60)
        took = time.monotonic() - started
    assert took < 7 + GRACE + START
    assert running.returncode == 3, out + err
    if form == "nagios":
        assert out.startswith("BICTL UNKNOWN - cannot tell: "), out + err
    else:
        document = json.loads(out)
        assert (document["state"], document["exit_code"]) == ("unknown", 3)


def test_a_worker_that_hangs_keeps_only_its_own_checks(arrived, cli):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = {"BICTL_CONNECT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        done = cli("--timeout", "25", "verify", "--json", env=hung)
    states = {check["id"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    assert states["C1"] == states["C2"] == "unknown"
    assert {states[name] for name in ("K1", "O2", "B3", "T2", "E1")} == {"ok"}
    assert done.exit_code == 3
