"""The worlds that kills start from, and the table that `make chaos` prints."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from zlib import crc32

import pytest
from kill_cases import CASES
from kills import WELL, Outcome, Point, Sweep, table
from world import World

from bictl.clients import Clients
from bictl.ingest.acks import quarantine_ack, write_ack

PARTITIONS = 2
COUNT = 72  # records of the fixture, updates, deletes and re-inserts among them
OF_OBJECTS = """bronze.product_cdc, bronze.cdc_quarantine, bronze.cdc_generation,
    bronze.cdc_schema, bictl.object_ledger, bictl.offset_conflict"""
NOT_FOR_POSTGRES = (b'{"ID":1}', rb'{"a":"\u0000"}', [], 1_715_682_225_123)


@pytest.fixture(scope="session")
def world(fresh_settings, produce_into, fixture_records, tmp_path_factory) -> Iterator[World]:
    """A table with a topic of its own, kept after each stage. One record is no jsonb, and its
    reason is acknowledged."""
    with fresh_settings(tmp_path_factory.mktemp("world")) as settings:
        settings.state_dir.mkdir(mode=0o700)
        samples = [*fixture_records("product_schema")[-COUNT:], NOT_FOR_POSTGRES]
        records = [(*sample, crc32(sample[0]) % PARTITIONS) for sample in samples]
        produce_into(settings, settings.table("product").topic, records, PARTITIONS)
        made = World(settings)
        with Clients(settings) as clients:
            ack = quarantine_ack("22P05", expires=None, reason="known", person="tests")
            assert write_ack(clients.objects, settings.table("product").prefix, ack)
        made.keep("empty")
        for name, commands in (
            ("migrated", ("migrate", "transform")),
            ("loaded", ("ingest", "load-bronze")),
            ("embedded", ("embed",)),
            ("verified", ("verify",)),
        ):
            _do(made, *commands)
            made.keep(name)
        made.execute(f"truncate {OF_OBJECTS}")
        made.restore_objects("empty")
        made.keep("vectors alone")
        _do(made, "ingest")
        made.keep("vectors and objects")
        yield made
        made.forget()


def _do(world: World, *commands: str) -> None:
    for words in commands:
        ended = world.bictl(*words.split())
        assert ended.code in WELL, ended.said


@pytest.fixture(scope="session")
def new_sweep(world) -> Iterator[Callable[[str], Sweep]]:
    """`new_sweep("ingest")`: the kills of that stage, after its undisturbed run."""
    produced, made = world.systems.produced(), {}
    with Clients(world.settings) as clients:

        def sweep(name: str) -> Sweep:
            if name not in made:
                made[name] = Sweep(world, CASES[name], clients, produced)
            return made[name]

        yield sweep


@pytest.fixture
def report(record_property) -> Callable[[str, Outcome], None]:
    """Takes an outcome into the table."""

    def take(name: str, outcome: Outcome) -> None:
        point = outcome.point
        record_property(
            "kill",
            [name, [point.label, point.nth, point.moment], outcome.fired, outcome.lost,
             outcome.doubled, outcome.orphans, outcome.swept, list(outcome.wrong)],
        )  # fmt: skip

    return take


def pytest_terminal_summary(terminalreporter) -> None:
    """The table, whichever worker killed what."""
    found = defaultdict(list)
    for report in [
        one for group in ("passed", "failed") for one in _reports(terminalreporter, group)
    ]:
        for name, kill in report.user_properties:
            if name == "kill":
                stage, point, *rest, wrong = kill
                found[stage].append(Outcome(Point(*point), *rest, tuple(wrong)))
    if found:
        terminalreporter.write_sep("=", "killed at every boundary")
        for line in table(sorted(found.items())):
            terminalreporter.write_line(line)


def _reports(terminalreporter, group: str):
    return terminalreporter.stats.get(group, [])
