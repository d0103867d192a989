"""The scene of the outages, one a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cron_stages import COUNT
from scene import Scene

from bictl.local.stack import Stack


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what was done: code, seconds from the fault to the end, connections tried."""
    rows = [
        (*dict(report.user_properties)["outage"], report.outcome)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if "outage" in dict(report.user_properties)
    ]
    if not rows:
        return
    terminalreporter.section("outages")
    titles = ("service", "fault", "stage", "code", "seconds", "tried", "outcome")
    terminalreporter.line("{:<9} {:<25} {:<12} {:>4} {:>7} {:>5}  {}".format(*titles))
    for service, fault, stage, code, seconds, tried, outcome in sorted(rows):
        terminalreporter.line(
            f"{service:<9} {fault:<25} {stage:<12} {code:>4} {seconds:>7.1f} {tried:>5}  {outcome}"
        )


@pytest.fixture(scope="session")
def scene(stack, fixture_records, tmp_path_factory) -> Iterator[Scene]:
    """A pipeline behind wires, and copies of it."""
    own = Stack.start(Path(f"{stack.state_dir}-outages"))
    made = Scene(stack, own, tmp_path_factory.mktemp("outages"))
    try:
        made.prepare(fixture_records("product_schema")[-COUNT:])
        yield made
    finally:
        made.close()
        own.purge()
