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
POINTS = 10_000  # of a stage, evenly spread where it has more: all of them
COUNT = 72  # records of the fixture, updates, deletes and re-inserts among them
OF_OBJECTS = """bronze.product_cdc, bronze.cdc_quarantine, bronze.cdc_generation,
    bronze.cdc_schema, bictl.object_ledger, bictl.offset_conflict"""
NOT_FOR_POSTGRES = (b'{"ID":1}', rb'{"a":"\u0000"}', [], 1_715_682_225_123)


def pytest_addoption(parser) -> None:
    parser.addoption("--points", type=int, default=POINTS, help="of each stage, evenly spread")


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


@pytest.fixture(scope="session")
def most_points(pytestconfig) -> int:
    """How many points of a stage are tried at most."""
    return pytestconfig.getoption("--points", default=POINTS)


@pytest.fixture
def report(record_property) -> Callable[..., None]:
    """Takes an outcome into the table, `of` so many points that its stage has."""

    def take(name: str, outcome: Outcome, *, of: int) -> None:
        point = outcome.point
        record_property(
            "kill",
            [name, of, [point.label, point.nth, point.moment], outcome.fired, outcome.lost,
             outcome.doubled, outcome.orphans, outcome.swept, outcome.is_new,
             list(outcome.wrong)],
        )  # fmt: skip

    return take


def pytest_terminal_summary(terminalreporter) -> None:
    """The table, whichever worker killed what."""
    found, points = defaultdict(list), defaultdict(int)
    for report in [
        one for group in ("passed", "failed") for one in _reports(terminalreporter, group)
    ]:
        for name, kill in report.user_properties:
            if name == "kill":
                stage, of, point, *rest, wrong = kill
                points[stage] = max(points[stage], of)  # Kafka's client asks once more now and then
                found[stage].append(Outcome(Point(*point), *rest, tuple(wrong)))
    if found:
        terminalreporter.write_sep("=", "killed at every boundary")
        for line in table([(name, points[name], found[name]) for name in sorted(found)]):
            terminalreporter.write_line(line)


def _reports(terminalreporter, group: str):
    return terminalreporter.stats.get(group, [])
