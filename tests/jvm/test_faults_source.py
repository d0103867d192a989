"""The faults of the catalogue that need a live source: seen, named exactly, and healthy again."""

from contextlib import ExitStack
from dataclasses import dataclass

import others
import pytest
from bed import Bed
from catalogue import faults
from facts import Facts
from faults_of_source import COUNT, ROWS, carry
from live import LiveSource
from test_faults import look

from bictl.clients import Clients

pytestmark = [pytest.mark.jvm, pytest.mark.faults, pytest.mark.timeout(300)]
TABLES = (
    ("public.source_product", "staging_staging.stg_product", ("name",)),
    ("staging_staging.stg_product", "analytics_features.product_embeddings", ()),
)


@dataclass
class LiveBed(Bed):
    """One whose source can be asked, and changed."""

    source: LiveSource | None = None


@pytest.fixture
def live(source, settings):
    """A source with rows, a connector that captures them, and all of them carried to vectors."""
    source.sql(ROWS, (1, COUNT))
    source.capture()
    source.until(lambda: source.end() == COUNT)
    with Clients(settings) as clients, ExitStack() as ends:
        made = LiveBed(settings, clients, Facts([], partitions=1), ends=ends, source=source)
        made.given["BICTL_VERIFY_SETTLE"] = "2"
        assert made.bictl("migrate").exit_code == 0
        carry(made)
        verdict = made.verdict()
        assert (verdict["complete"], verdict["unverified"]) == (True, []), verdict["headline"]
        yield made


def seeing(bed):
    """What the others see, who are given the source's rows as they are now."""
    rows = bed.source.sql('select "ID", "Name" from dbo."Product"')
    with others.connected(bed.settings) as cursor:
        cursor.execute("drop table if exists public.source_product")
        cursor.execute("create table public.source_product (product_id int primary key, name text)")
        cursor.executemany("insert into public.source_product values (%s, %s)", rows)
    return others.seeing(bed, others.compiled_tests(bed.settings), TABLES)


@pytest.mark.parametrize(
    "fault", [one for one in faults() if one.on == "source"], ids=lambda f: f.name
)
def test_a_fault_of_a_live_source_is_seen_and_named_and_repaired(live, fault):
    look(live, fault, lambda: seeing(live))
