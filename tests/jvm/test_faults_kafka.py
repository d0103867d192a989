"""The faults of the catalogue that need a real broker: seen, named exactly, and healthy again."""

import dataclasses

import others
import pytest
from bed import Ground, an_hour_ago, opened
from catalogue import faults
from databases import drop_database
from facts import Facts, rows_of
from test_faults import look

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def grounds(shared, tmp_path_factory):
    """Without [connect]: what writes the topic is out of these faults' scope."""
    directory = tmp_path_factory.mktemp("faults")
    text = shared.path.read_text(encoding="utf-8")
    head, mark, rest = text.partition("[connect]")
    path = directory / "shared.toml"
    path.touch(mode=0o600)
    path.write_text(f"{head}{rest[rest.index('[s3]') :]}" if mark else text, encoding="utf-8")
    return Ground(dataclasses.replace(shared, path=path), directory)


@pytest.fixture(scope="session")
def prepared_jvm(grounds, shared):
    settings = grounds.empty("prepared")
    yield settings
    drop_database(shared, settings.postgres.dbname)


@pytest.fixture
def own_topic(grounds, prepared_jvm, fixture_records):
    """A small pipeline with a topic of its own on a real Kafka, healthy from end to end."""
    samples = fixture_records("product_schema")
    facts = Facts(rows_of(samples, base=an_hour_ago(), one_in=120, poison=False))
    settings = grounds.fill(prepared_jvm, facts)
    others.prepare(settings, facts)
    with opened(settings, facts) as made:
        assert made.verdict()["complete"]
        yield made


@pytest.mark.parametrize(
    "fault", [one for one in faults() if one.on == "jvm"], ids=lambda f: f.name
)
def test_a_fault_on_a_real_kafka_is_seen_and_named_and_repaired(own_topic, prepared_jvm, fault):
    dbt_tests = others.compiled_tests(prepared_jvm)
    look(own_topic, fault, lambda: others.seeing(own_topic, dbt_tests))
