"""Each fault of the catalogue: seen, named exactly, and healthy again after the repair."""

import json
import os
from pathlib import Path

import judged
import others
import pytest
from catalogue import faults

from bictl.verify.checks import CHECKS

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


# Checks that no fault here violates, each with the reason.
UNVIOLATED: dict[str, str] = {}


def test_every_check_is_violated_by_a_fault_of_the_catalogue():
    violated = {name for one in faults() for name in one.checks}
    assert {check.id for check in CHECKS} - violated == UNVIOLATED.keys()


@pytest.mark.parametrize("fault", parameters("copy"))
def test_a_fault_is_seen_and_named_and_repaired(bed, fault, dbt_tests):
    look(bed, fault, lambda: others.seeing(bed, dbt_tests))


@pytest.mark.parametrize("fault", parameters("topic"))
def test_a_fault_of_the_topic_is_seen_and_named_and_repaired(own_topic, fault, dbt_tests):
    look(own_topic, fault, lambda: others.seeing(own_topic, dbt_tests))


DRY = {
    *("rows-deleted", "object-deleted", "row-doubled", "ledger-row-deleted", "view-dropped"),
    *("vector-orphaned", "index-invalid", "object-truncated", "generation-deleted"),
}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            one, id=one.name, marks=[] if one.name == "rows-deleted" else [pytest.mark.faults]
        )
        for one in faults()
        if one.name in DRY
    ],
)
def test_a_dry_run_of_repair_changes_nothing(bed, fault):
    fault.damage(bed)
    before = fingerprint(bed)
    done = bed.bictl("repair", "--dry-run")
    assert done.exit_code == bed.verdict()["exit_code"]
    assert fingerprint(bed) == before
    assert len(before) > 20


def fingerprint(bed):
    """Everything that is in the database, and in the bucket; verdicts stand in the ledger of runs
    also when nothing is repaired."""
    tables = bed.database.rows(
        """select format('%I.%I', n.nspname, c.relname), c.relkind::text
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'v', 'i', 'S', 'p') and n.nspname !~ '^(pg_|information_schema)'"""
    )
    found = dict(tables)
    for name, kind in tables:
        if kind == "r":
            rows = f"select t::text as line from {name} t"
            rows += " where command <> 'verify'" if name == "bictl.run" else ""
            digest = "md5(string_agg(line, ';' order by line))"
            found[name] = bed.value(f"select {digest} from ({rows}) as lines")
    listed = bed.s3.list_objects_v2(Bucket=bed.bucket)["Contents"]
    return found | {item["Key"]: item["ETag"] for item in listed}


def held(bed):
    """The place of each record that bronze or the quarantine has."""
    return bed.database.rows(
        """select kafka_partition, kafka_offset from bronze.product_cdc
        union all select kafka_partition, kafka_offset from bronze.cdc_quarantine order by 1, 2"""
    )


def _repair(bed, step):
    """A command, a statement, or what a person does."""
    if not isinstance(step, str):
        return step(bed)
    return bed.bictl(*step.split()[1:]) if step.startswith("bictl ") else bed.execute(step)


def repair_command(fault):
    """As deep as the fault is to be seen."""
    return "bictl repair --deep" if fault.level == "deep" else "bictl repair"


def hidden_by_repair(bed, fault, truth):
    """What `bictl repair` says where it has hidden a loss; empty where all is as red as before, or
    every record is there again, which Kafka still had."""
    done = bed.bictl(*repair_command(fault).split()[1:])
    after = bed.verdict(fault.level)
    is_red = done.exit_code == 6 and judged.is_seen(after, truth)
    is_back = done.exit_code in (0, 1) and held(bed) == sorted(bed.facts.records)
    return "" if is_red or is_back else f"{done}\n{after['headline']}"


def look(bed, fault, seeing):
    """Damages, judges, repairs, judges; `seeing()` are the others that see that something is wrong.
    `bictl repair` is the repair where it is a safe one, and must not hide a loss where it is not.
    """
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
        "spoke": sorted({name for one in found.values() for name in judged.wrong(one)}),
        "first": next((level for level in levels if judged.is_seen(found[level], truth)), None),
        "others": sorted(seeing()) if RESULTS else [],
    }
    steps = [repair_command(fault)] if fault.is_safe else fault.repair
    result["repair"] = [step if isinstance(step, str) else step.__doc__ for step in steps]
    if RESULTS and truth.state == "loss" and not fault.is_safe:
        result["hidden"] = hidden_by_repair(bed, fault, truth)
    hints, done = judged.hints(verdict), [_repair(bed, step) for step in steps]
    after = bed.verdict(fault.level)
    # dbt has not tested what came anew; `bictl repair` met what it could not load: their hints
    for check, stage in (("T1", "transform"), ("M6", "run")):
        if check in judged.wrong(after) and check not in fault.leaves:
            done.append(bed.bictl(stage, "--table", "product"))
            result["repair"].append(f"bictl {stage} --table product")
            after = bed.verdict(fault.level)
    left = {name: said for name, said in judged.wrong(after).items() if name not in fault.leaves}
    green = after["exit_code"] == 0 and after["state"] in ("ok", "warn") and not left
    green = green and (fault.level == "quick" or after["complete"])
    commands = [step for step in fault.repair if str(step).startswith("bictl ")]
    result |= {"green": green, "hinted": [step for step in commands if step in hints]}
    if fault.is_safe and fault.on == "copy":
        assert held(bed) == sorted(bed.facts.records)
    if RESULTS:
        with Path(RESULTS).open("a") as lines:
            lines.write(json.dumps(result) + "\n")
    assert seen, told
    assert named, told
    assert not result.get("hidden"), f"{told}\n{result['hidden']}"
    assert green, f"{told}\nafter {done}:\n{after['headline']}\n{json.dumps(left, indent=1)}"
    assert not commands or result["hinted"], f"{told}\n{commands} in no hint:\n{hints}"
