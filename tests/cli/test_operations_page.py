"""docs/operations.md: every line of its crontab is a legal command, its codes are the errors'."""

import re
import shlex

import pytest

from bictl import assets, errors

PAGE = (assets.path("sql").parent / "docs" / "operations.md").read_text(encoding="utf-8")
CRONTAB = PAGE.split("```crontab\n")[1].split("```")[0]
LINES = [line.split(None, 5)[5] for line in CRONTAB.splitlines() if "bictl -q" in line]
STARTED = re.findall(r"^ExecStart=\S+/(bictl .*)$", PAGE, re.M)


@pytest.mark.parametrize("line", [*LINES, *STARTED])
def test_every_line_gets_as_far_as_the_configuration(cli_plain, line):
    program, *words = shlex.split(line)
    done = cli_plain("--config", "/nowhere/bictl.toml", *words)
    assert program == "bictl"
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the configuration file /nowhere/bictl.toml does not")


def test_the_codes_are_those_of_the_errors():
    table = PAGE.split("## Exit codes")[1].split("\n## ")[0]
    said = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.M) for code in row.split(",")
    }
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {one.exit_code for one in kinds if issubclass(one, errors.BictlError)}
    assert said == codes | {0, 3, 129, 143}
