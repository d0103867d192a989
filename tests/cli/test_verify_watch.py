"""verify again and again, until a person or the deadline ends it, or all is well."""

import signal

import pytest
from test_verify_command import fill

DEAD = {
    "BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "BICTL_S3_ENDPOINT_URL": "http://127.0.0.1:1",
    "BICTL_POSTGRES_PORT": "1",
}


def lines(done):
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_until_ok_ends_with_the_first_complete_verdict_and_not_before(settings, produce, cli):
    fill(produce, settings, 5)
    waited = cli("--timeout", "3", "verify", "--until-ok", "--watch", "0.5")
    assert waited.exit_code == 1
    assert {(cell[1], cell[2], cell[3]) for cell in lines(waited)} == {("product", "fail", "false")}
    assert cli("run").exit_code == 0
    done = cli("--timeout", "60", "verify", "--until-ok")
    ((_, _, state, complete, code, *_),) = lines(done)
    assert (done.exit_code, state, complete, code) == (0, "ok", "true", "0")


def test_a_verdict_that_cannot_be_come_to_does_not_end_the_watch_and_ctrl_c_does(bictl):
    watching = bictl.start("verify", "--quick", "--watch", "0.5", env=DEAD)
    said = [watching.stdout.readline().split("\t") for _ in range(2)]
    assert [(cell[2], cell[4]) for cell in said] == [("unknown", "4")] * 2
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize("flags", [("--quick",), ("--select", "T2"), ("--exclude", "T2")])
def test_until_ok_refuses_what_is_never_complete(cli, flags):
    done = cli("verify", "--until-ok", *flags)
    assert done.exit_code == 2
    assert f"{flags[0]} never gives one" in done.stderr
