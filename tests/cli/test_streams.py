"""The result reaches its reader whatever the streams are, or the exit code says that it did not."""

import subprocess
import sys

import pytest


@pytest.fixture
def run(plain_environment, tmp_path):
    def run(arguments: str, **streams):
        environment = plain_environment | streams.pop("env", {})
        return subprocess.run(
            f"exec {sys.executable} -m bictl {arguments}",
            shell=True,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="ascii" if "PYTHONIOENCODING" in environment else "utf-8",
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize("form", ["table", "tsv", "json", "jsonl"])
def test_what_the_locale_cannot_write_is_escaped(run, form):
    done = run(f"-o {form} verify --list", env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2192" in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_error(run, closed):
    done = run(f"verify --list {closed}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("form", ["table", "tsv", "json", "jsonl"])
def test_a_result_that_cannot_be_written_is_not_done(run, form):
    done = run(f"-o {form} verify --list > /dev/full")
    assert done.returncode == 1
    error, hint = done.stderr.splitlines()
    assert error == "error: the output could not be written: No space left on device"
    assert hint.startswith("hint: ")


def test_a_monitors_form_belongs_to_verify(run):
    done = run("-o nagios config show")
    assert done.returncode == 3
    assert "only" in done.stderr


@pytest.mark.parametrize("command", ["stack up", "ingest"])
def test_a_state_directory_that_cannot_be_made_is_no_bug(run, tmp_path, command):
    (tmp_path / "file").write_text("")
    done = run(command, env={"BICTL_STATE_DIR": str(tmp_path / "file" / "state")})
    assert done.returncode in (1, 2)
    error, hint = done.stderr.splitlines()[-2:]
    assert "bug" not in error
    assert "Not a directory" in error
    assert "BICTL_STATE_DIR" in hint
