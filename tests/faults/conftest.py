"""The platform that faults damage; see bed.py."""

from collections.abc import Iterator

import others
import pytest
from bed import Bed, Ground, an_hour_ago, opened
from databases import drop_database
from facts import Facts, rows_of

from bictl.settings import Settings


@pytest.fixture(scope="session")
def ground(shared, tmp_path_factory) -> Ground:
    return Ground(shared, tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="session")
def facts(fixture_records) -> Facts:
    """What the platform's topic holds."""
    return Facts(rows_of(fixture_records("product_schema"), base=an_hour_ago()))


@pytest.fixture(scope="session")
def platform(ground, shared, facts) -> Iterator[Settings]:
    """The healthy platform; nobody damages this one. The source's rows stand beside it."""
    settings = ground.platform(facts)
    others.prepare(settings, facts)
    yield settings
    drop_database(shared, settings.postgres.dbname)


@pytest.fixture(scope="session")
def dbt_tests(platform) -> dict[str, str]:
    """The project's tests as dbt compiled them."""
    return others.compiled_tests(platform)


@pytest.fixture
def bed(ground, shared, platform, facts) -> Iterator[Bed]:
    """A copy of the platform for one fault; the next one takes its place."""
    settings = ground.copy(platform, f"{platform.postgres.dbname}_bed")
    with opened(settings, facts, stack=ground.shared.path.parent) as made:
        yield made


@pytest.fixture(scope="session")
def prepared_topic(ground, shared, fixture_records) -> Iterator[Settings]:
    """A database with bictl's tables and staging, and nothing else, for topics of their own."""
    settings = ground.empty("prepared")
    yield settings
    drop_database(shared, settings.postgres.dbname)


@pytest.fixture
def own_topic(ground, shared, prepared_topic, fixture_records) -> Iterator[Bed]:
    """A small pipeline with a topic of its own, healthy from end to end."""
    facts = Facts(
        rows_of(fixture_records("product_schema"), base=an_hour_ago(), one_in=120, poison=False)
    )
    settings = ground.fill(prepared_topic, facts)
    others.prepare(settings, facts)
    with opened(settings, facts, stack=ground.shared.path.parent) as made:
        assert made.verdict()["complete"]
        yield made
