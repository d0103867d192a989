"""bictl stack, as it is typed."""

import json


def test_a_stack_that_was_never_started_is_not_running(cli_plain):
    done = cli_plain("stack", "status", "--json")
    assert done.exit_code == 4
    found = json.loads(done.stdout)
    assert (found["schema"], found["running"], found["services"]) == ("bictl.stack/1", False, [])
    assert done.stderr == "error: the stack was never started here\nhint: bictl stack up\n"


def test_ending_nothing_is_said_and_is_no_error(cli_plain):
    done = cli_plain("stack", "down")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nothing was running\n")
    done = cli_plain("stack", "down", "--purge")
    assert (done.exit_code, done.stderr) == (0, "nothing was running; there was no data\n")


def test_without_a_stack_there_is_no_configuration_of_it(cli_plain):
    done = cli_plain("stack", "config")
    assert done.exit_code == 2
    assert "hint: start the stack: bictl stack up" in done.stderr


def test_up_status_and_down(cli_plain):
    try:
        cut = cli_plain("--timeout", "0.5", "stack", "up")  # nothing is up by then
        assert (cut.exit_code, cut.stdout, "is up" in cut.stderr) == (4, "", False)
        up = cli_plain("stack", "up")
        assert up.exit_code == 0
        lines = [line.split("\t") for line in up.stdout.splitlines()]
        assert [line[:2] for line in lines] == [
            ["s3", "running"],
            ["postgres", "running"],
            ["kafka", "running"],
        ]
        assert cli_plain("stack", "status").exit_code == 0
        path = cli_plain("stack", "config").stdout.strip()
        assert f"its configuration is {path}" in up.stderr
        assert cli_plain("config", "show", "--json").stdout.count(path) >= 1
        assert cli_plain("stack", "down").exit_code == 0
        unreachable = cli_plain("search", "pump")
        assert unreachable.exit_code == 4
        assert "hint: the local stack has to run: bictl stack up" in unreachable.stderr
        assert cli_plain("stack", "up").exit_code == 0
    finally:
        down = cli_plain("stack", "down", "--purge")
    assert down.exit_code == 0
    assert down.stderr.startswith("ended kafka, postgres, s3; removed ")
