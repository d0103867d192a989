"""The verdict as metrics: exact bytes, names by the rules, values as a parser reads them."""

import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse

from bictl import __version__
from bictl.ops.ledger import Last
from bictl.records import Range
from bictl.verify.prometheus import prometheus_text
from bictl.verify.report import (
    Boundary,
    Check,
    Hop,
    Partition,
    Report,
    State,
    Tally,
    of_ranges,
    percent,
)
from bictl.verify.run import concluded

MISSING = of_ranges([Range(0, 115, 61443)])
STARTED = datetime(2024, 5, 14, 12, tzinfo=UTC)
BROKEN = concluded(
    Report(
        table="product",
        topic="cord.ConcordDb.dbo.Product",
        level="default",
        run="r1",
        started=STARTED,
        seconds=1.5,
        cut=("0:61443",),
        scope=("kafka", "objects", "bronze"),
        unverified=("source",),
        boundaries=(
            Boundary(
                upstream="Kafka",
                downstream="objects",
                verb="ingested",
                state=State.FAIL,
                tally=Tally(expected=61443, accounted=115, missing=MISSING),
            ),
            Boundary(
                upstream="objects",
                downstream="bronze",
                verb="loaded",
                state=State.UNKNOWN,
                tally=None,
            ),
        ),
        checks=(
            Check(
                id="K5",
                title="",
                boundary="Kafka → objects",
                state=State.FAIL,
                evaluated=1,
                missing=MISSING,
                seconds=0.25,
            ),
        ),
        latency=(Hop(name="Kafka → objects", records=115, p50=0.5, p95=2, longest=2.25),),
        partitions=(Partition(number=0, start=0, end=61443, frontier=115, waits=900),),
    )
)
GOLDEN = Path(__file__).parents[2] / "fixtures" / "verdict.prom"
INGESTED = Last(
    stage="ingest",
    table="product",
    run_id="r1",
    at=STARTED,
    seconds=1.0,
    summary="",
    failed_since=0,
    newest_run="r1",
    newest_at=STARTED,
    newest_state="ok",
    newest_summary="",
)


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def of(found, name, **labels):
    return found.get((name, *sorted(labels.items())))


def test_the_bytes():
    golden = GOLDEN.read_text(encoding="utf-8").replace("VERSION", __version__)
    assert prometheus_text([BROKEN], [INGESTED]) == golden


def test_every_family_is_whole_named_by_the_rules_and_has_its_words():
    """https://prometheus.io/docs/practices/naming/: base units at the end, no `_total` of a gauge;
    all samples of a family in one group, whatever the number of tables."""
    text = prometheus_text([BROKEN, replace(BROKEN, table="category")], [INGESTED])
    families = list(parse(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)) == text.count("# TYPE ") == text.count("# HELP ")
    for family in families:
        assert re.fullmatch(r"bictl_[a-z]+(_[a-z]+)*", family.name)
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket", "_percent", "_ms"))
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        labels = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(labels) == len(set(labels))
        assert {sample.name for sample in family.samples} == {family.name}
    assert text.endswith("\n")


def test_what_could_not_be_counted_is_absent_and_its_state_unknown():
    found = samples(prometheus_text([BROKEN]))
    ends = {"table": "product", "from": "objects", "to": "bronze"}
    assert of(found, "bictl_verify_boundary_state", **ends, state="unknown") == 1
    assert of(found, "bictl_verify_boundary_expected_records", **ends) is None
    assert of(found, "bictl_verify_boundary_missing_records", **ends) is None
    assert of(found, "bictl_verify_accounted_ratio", table="product") is None


@pytest.mark.parametrize("state", State)
def test_exactly_one_state_is_set(state):
    found = samples(prometheus_text([replace(BROKEN, state=state)]))
    values = {
        one: of(found, "bictl_verify_state", table="product", state=one.value) for one in State
    }
    assert values == {one: float(one is state) for one in State}


@given(st.text(), st.text())
def test_hostile_names_come_back_as_they_were(table, topic):
    text = prometheus_text([replace(BROKEN, table=table, topic=topic)])
    (info,) = [sample for family in parse(text) for sample in family.samples][:1]
    assert (info.labels["table"], info.labels["topic"]) == (table, topic)


def test_a_half_of_a_pair_does_not_stop_the_exposition():
    assert "\\ud800" not in prometheus_text([replace(BROKEN, table="\ud800")]).encode().decode()


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_the_ratio_is_one_only_where_the_integers_are_equal(part, whole):
    part = min(part, whole)
    tally = Tally(expected=whole, accounted=part)
    whole_one = replace(BROKEN.boundaries[0], tally=Tally(unit="keys", expected=5, accounted=5))
    report = replace(BROKEN, boundaries=(whole_one, replace(BROKEN.boundaries[0], tally=tally)))
    ratio = of(samples(prometheus_text([report])), "bictl_verify_accounted_ratio", table="product")
    assert (ratio == 1) == (part == whole)
    assert math.floor(ratio * 10_000 + 1e-6) >= round(float(percent(part, whole)) * 100) - 1
    assert ratio <= part / whole + 1e-12
