"""Each fault of the catalogue: seen, named exactly, and healthy again after the repair."""

import json
import os
from pathlib import Path

import judged
import others
import pytest
from catalogue import faults

LEVELS = ("quick", "default", "deep")
RESULTS = os.environ.get("BICTL_FAULTS_RESULTS")  # where `make faults` wants a line for each fault
# What `make test` runs: of each layer and each way to be wrong one, without dbt's seconds.
SAMPLE = {
    *("object-deleted", "bit-flipped", "offset-in-conflict", "record-left-out"),
    *("manifest-next-edited", "manifest-generation-no-edited"),
    *("rows-deleted", "row-doubled", "row-edited-payload", "quarantine-emptied"),
    *("generation-number-edited", "schema-fields-edited", "prune-forged"),
    *("ledger-digest-edited", "frontier-removed", "loss-acknowledged-by-forgery"),
    *("key-missing", "name-letter", "null-became-text", "price-off", "created-shifted"),
    *("vector-deleted", "vector-orphaned", "vector-of-an-old-text", "index-of-another-operator"),
}


def parameters(on):
    return [
        pytest.param(one, id=one.name, marks=[] if one.name in SAMPLE else [pytest.mark.faults])
        for one in faults()
        if one.on == on
    ]


@pytest.mark.faults
def test_nothing_is_seen_where_nothing_is_wrong(bed, dbt_tests):
    """Neither by verify at any level nor by the others: what they see later is the fault."""
    assert len(dbt_tests) == 4
    for level in LEVELS:
        verdict = bed.verdict(level)
        assert (judged.wrong(verdict), verdict["exit_code"]) == ({}, 0)
        assert verdict["complete"] is (level != "quick")
    assert others.seeing(bed, dbt_tests) == []


@pytest.mark.faults
def test_dbt_fails_where_its_compiled_tests_fail(bed, dbt_tests):
    """The queries that the table counts with are those that a real `dbt test` sends."""
    import faults_of_staging

    faults_of_staging.reshape(bed, {"name": "null"})
    assert others.dbt_tests(bed, dbt_tests)
    assert not others.dbt_tests(bed, {k: v for k, v in dbt_tests.items() if "_name" not in k})
    done = others.dbt_test(bed)
    assert done.returncode == 1, done.stdout
    assert "PASS=3 WARN=0 ERROR=1" in done.stdout


def test_the_sample_is_of_the_catalogue():
    assert {one.name for one in faults()} >= SAMPLE


@pytest.mark.parametrize("fault", parameters("copy"))
def test_a_fault_is_seen_and_named_and_repaired(bed, fault, dbt_tests):
    look(bed, fault, dbt_tests)


@pytest.mark.parametrize("fault", parameters("topic"))
def test_a_fault_of_the_topic_is_seen_and_named_and_repaired(own_topic, fault, dbt_tests):
    look(own_topic, fault, dbt_tests)


def _repair(bed, step):
    """A command, a statement, or what a person does."""
    if not isinstance(step, str):
        return step(bed)
    return bed.bictl(*step.split()[1:]) if step.startswith("bictl ") else bed.execute(step)


def look(bed, fault, dbt_tests):
    truth = fault.damage(bed)
    levels = LEVELS if RESULTS else LEVELS[LEVELS.index(fault.level) :][:1]
    found = {level: bed.verdict(level) for level in levels}
    verdict = found[fault.level]
    told = f"{truth}\n{verdict['headline']}\n{json.dumps(judged.wrong(verdict), indent=1)}"
    seen, named = judged.is_seen(verdict, truth), judged.naming(verdict, truth)
    result = {
        **{name: getattr(fault, name) for name in ("name", "layer", "words", "violates", "level")},
        "state": truth.state,
        "seen": seen,
        "named": named,
        "spoke": sorted(judged.wrong(verdict)),
        "first": next((level for level in levels if judged.is_seen(found[level], truth)), None),
        "others": sorted(others.seeing(bed, dbt_tests)) if RESULTS else [],
        "repair": [step if isinstance(step, str) else step.__doc__ for step in fault.repair],
    }
    hints, done = judged.hints(verdict), []
    for step in fault.repair:
        done.append(_repair(bed, step))
    after = bed.verdict(fault.level)
    if "T1" in judged.wrong(after):  # dbt has not tested what was loaded anew: its own hint
        done.append(bed.bictl("transform", "--table", "product"))
        result["repair"].append("bictl transform --table product")
        after = bed.verdict(fault.level)
    left = {name: said for name, said in judged.wrong(after).items() if name not in fault.leaves}
    green = after["exit_code"] == 0 and after["state"] in ("ok", "warn") and not left
    green = green and (fault.level == "quick" or after["complete"])
    commands = [step for step in fault.repair if str(step).startswith("bictl ")]
    result |= {"green": green, "hinted": [step for step in commands if step in hints]}
    if RESULTS:
        with Path(RESULTS).open("a") as lines:
            lines.write(json.dumps(result) + "\n")
    assert seen, told
    assert named, told
    assert green, f"{told}\nafter {done}:\n{after['headline']}\n{json.dumps(left, indent=1)}"
    assert not commands or result["hinted"], f"{told}\n{commands} in no hint:\n{hints}"
