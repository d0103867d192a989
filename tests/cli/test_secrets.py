"""No secret leaves bictl: not in output, logs, tracebacks, files, or the process list."""

import subprocess
import sys
from pathlib import Path

import pytest

# With what breaks naive redaction: URL syntax, quotes, a percent sign. Head and tail are looked for
# apart, because libpq's URL parser, for one, shows what stands behind an @.
HEAD, TAIL = "S3CR3Thead", "T0K3Ntail"
SENTINEL = f'{HEAD}@p%2F/"x{TAIL}'
COMMANDS = [
    ("run",),
    ("ingest",),
    ("load-bronze",),
    ("transform",),
    ("embed",),
    ("search", "steel bolt"),
    ("verify",),
    ("cdc", "status"),
    ("doctor",),
    ("migrate",),
    ("config", "show"),
    ("config", "validate"),
    ("stack", "status"),
]
READ_NO_SECRET = [("config", "show"), ("stack", "status")]
# Every secret is read, and then the program has a bug with the secret in its message.
BUG = """
import sys
from bictl.settings.secret import Secret
reveal = Secret.reveal
def broken(self):
    raise RuntimeError(f"could not use {reveal(self)!r} of postgresql://u:{reveal(self)}@h/d")
Secret.reveal = broken
from bictl.cli.main import main
main()
"""


def configure(folder: Path, *, port: int = 1) -> Path:
    """Every secret is the sentinel, and no service is there."""
    secret = SENTINEL.replace('"', '\\"')
    path = folder / "bictl.toml"
    path.touch(mode=0o600)
    path.write_text(
        f"""
        [kafka]
        bootstrap_servers = "127.0.0.1:{port}"
        security_protocol = "SASL_PLAINTEXT"
        sasl_mechanism = "PLAIN"
        sasl_username = "u"
        sasl_password = "{secret}"
        [connect]
        url = "http://127.0.0.1:{port}"
        username = "u"
        password = "{secret}"
        [s3]
        endpoint_url = "http://127.0.0.1:{port}"
        access_key_id = "u"
        secret_access_key = "{secret}"
        [postgres]
        host = "127.0.0.1"
        port = {port}
        password = "{secret}"
        """,
        encoding="utf-8",
    )
    return path


def watched(command: list[str], environment: dict[str, str], folder: Path) -> tuple[str, int]:
    """What the command wrote, and its exit code; the process list is read while it runs."""
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            look_at_the_process_list()
        output.seek(0)
        return output.read(), process.returncode


def look_at_the_process_list() -> None:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes()
        except OSError:  # it has ended
            continue
        assert HEAD.encode() not in line
        assert TAIL.encode() not in line


def assert_nothing_leaked(output: str, state_dir: Path) -> None:
    assert HEAD not in output
    assert TAIL not in output
    for file in state_dir.rglob("*"):
        if file.is_file():
            text = file.read_bytes()
            assert HEAD.encode() not in text, file
            assert TAIL.encode() not in text, file


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_leaks_while_no_service_answers(command, tmp_path, plain_environment):
    environment = plain_environment | {"BICTL_CONFIG": str(configure(tmp_path))}
    loud = ["-vv", "--debug", "--log-format", "json", "--timeout", "3"]
    words = [sys.executable, "-m", "bictl", *loud, *command]
    output, code = watched(words, environment, tmp_path)
    assert code in ((0,) if command[0] == "config" else (1, 2, 4)), output
    assert_nothing_leaked(output, tmp_path / "state")


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one not in READ_NO_SECRET], ids=" ".join
)
def test_nothing_leaks_from_a_bug_that_has_the_secret_in_its_message(
    command, tmp_path, plain_environment
):
    environment = plain_environment | {"BICTL_CONFIG": str(configure(tmp_path))}
    words = [sys.executable, "-c", BUG, "--timeout", "3", *command]
    output, code = watched(words, environment, tmp_path)
    assert_nothing_leaked(output, tmp_path / "state")
    assert "error: this is a bug in bictl: RuntimeError" in output
    assert code == 1
    [report] = (tmp_path / "state" / "crashes").iterdir()
    text = report.read_text()
    assert "could not use '***'" in text
    assert "postgresql://***@h/d" in text
