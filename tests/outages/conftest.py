"""The scene of the outages, one a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cron_stages import COUNT
from scene import Scene

from bictl.local.stack import Stack


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
