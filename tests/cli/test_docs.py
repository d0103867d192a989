"""What the documents say is what the program says."""

import subprocess
import sys
import tomllib
from pathlib import Path

from bictl.settings import load

ROOT = Path(__file__).parents[2]


def test_the_page_of_commands_equals_their_help():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "commands.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == done.stdout, "write it again: make docs"


def test_the_readmes_configuration_is_a_configuration(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("```toml\n")[1].split("```")[0]
    path = tmp_path / "bictl.toml"
    path.write_text(block, encoding="utf-8")
    found = load(config=str(path), profile="staging", environment={})
    assert found.kafka.bootstrap_servers == "kafka.staging:9092"
    assert set(tomllib.loads(block)["tables"]) == set(found.tables) >= {"product"}


def test_the_readmes_exit_codes_are_those_of_the_errors():
    from bictl import errors

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split("## Exit codes")[1].split("##")[0]
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.BictlError)
    }
    for code in codes - {130}:
        assert f"| {code} |" in table
    assert "| 130 / 143 |" in table
