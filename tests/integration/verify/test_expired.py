"""What a lifecycle rule took is no loss, and nothing else that is gone becomes one of those."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from test_healthy import OLD, finish, plain, problems
from test_pruned import prune_all

from bictl.bronze import load
from bictl.errors import EndBelowFrontier
from bictl.ingest import frontier_prefix, ingest, read_kept
from bictl.ops.runs import recorded
from bictl.records import Range
from bictl.settings import Ingest
from bictl.verify.present import as_memory
from bictl.verify.report import State

DAYS = 90
RULE = f"rule raw ({DAYS} days)"
PREFIX = "product/raw/"


def take(pipeline, **options):
    """A real ingest of the pipeline's topic."""
    return ingest(
        pipeline.clients.reader,
        pipeline.objects,
        table=pipeline.table,
        limits=Ingest(batch_records=10),
        run="test",
        **options,
    )


def rule(pipeline, *, days=DAYS, prefix=PREFIX, **narrow) -> None:
    """A real lifecycle rule on the bucket; its days are longer than any test."""
    wanted = {
        "ID": "raw",
        "Status": "Enabled",
        "Filter": narrow or {"Prefix": prefix},
        "Expiration": {"Days": days},
    }
    pipeline.objects._client.put_bucket_lifecycle_configuration(
        Bucket=pipeline.objects.bucket, LifecycleConfiguration={"Rules": [wanted]}
    )


def of(pipeline, partition):
    return [key for key in pipeline.batches() if f"/partition={partition:05d}/" in key]


def expire(pipeline, *keys) -> None:
    """What the store does when the days are over."""
    for key in keys:
        pipeline.objects.delete(key)


def later(days=DAYS + 1):
    return datetime.now(UTC) + timedelta(days=days)


def check(report, name):
    return next(one for one in report.checks if one.id == name)


@pytest.fixture
def expiring(empty_pipeline, write):
    """Four batches in partition 0, two in partition 1; loaded, embedded, with a rule of 90 days."""
    pipeline = empty_pipeline
    write(pipeline, [(*plain(n), OLD, 0) for n in range(40)], partitions=2)
    write(pipeline, [(*plain(n), OLD, 1) for n in range(40, 55)])
    take(pipeline)
    finish(pipeline)
    rule(pipeline)
    return pipeline


@pytest.mark.parametrize("level", ["default", "deep"])
def test_an_expired_prefix_is_no_loss_and_is_named(expiring, level):
    expire(expiring, *of(expiring, 0)[:2])
    report = expiring.verify(now=later(), level=level)
    assert problems(report) == {}
    assert report.complete
    assert "55 of 55 records" in report.headline
    assert report.headline.endswith("; objects of 0:[0,20) have expired; source not verified")
    said = f"0:[0,20) expired: 2 objects of 20 records, all loaded, by {RULE}"
    assert check(report, "O2").message == check(report, "O3").message == said
    if level == "deep":
        for name in ("B10", "K10"):
            assert check(report, name).message == (
                "not compared, their objects have expired: partition 0, offsets [0,20)"
            )


@pytest.mark.parametrize("partitions", [(1,), (0, 1)], ids=["quiet", "all"])
@pytest.mark.parametrize("level", ["default", "deep"])
def test_a_partition_without_any_object_is_whole(expiring, partitions, level):
    for partition in partitions:
        expire(expiring, *of(expiring, partition))
    report = expiring.verify(now=later(), level=level)
    assert problems(report) == {}
    assert report.complete
    assert "55 of 55 records" in report.headline
    assert "objects of " in report.headline
    assert "1:[0,15)" in report.headline
    assert [next_ for _, _, next_ in report.frontiers] == [40, 15]


def test_ingest_goes_on_where_it_was_when_every_object_has_expired(expiring, write):
    generation = take(expiring).generation
    expire(expiring, *expiring.batches())
    assert take(expiring).summary == "nothing to do; frontier 0:40, 1:15"
    write(expiring, [(*plain(n), OLD, 1) for n in range(60, 63)])
    result = take(expiring)
    assert (result.records, result.generation) == (3, generation)
    assert [expiring.manifest(key).range for key in expiring.batches()] == [Range(1, 15, 18)]
    finish(expiring)
    report = expiring.verify(now=later())
    assert problems(report) == {}
    assert "58 of 58 records" in report.headline


def test_a_quick_look_after_a_full_verdict_knows_what_expired_since(expiring, write):
    with recorded(expiring.database, "00000000-0000-0000-0000-000000000001", command="verify",
                  arguments={}) as outcome:  # fmt: skip
        full = expiring.verify()
        outcome.status, outcome.exit_code = full.state.value, full.exit_code
        outcome.result = as_memory(full)
    assert full.complete
    write(expiring, [(*plain(n), OLD, 1) for n in range(60, 63)])
    take(expiring)
    expiring.load()
    for keys in (of(expiring, 0)[:2], of(expiring, 1), of(expiring, 0)):
        expire(expiring, *keys)
        report = expiring.verify(now=later(), level="quick")
        assert problems(report) == {}
        assert report.exit_code == 0
    assert "objects of 1:[15,18) have expired" in report.headline


def test_a_quick_look_without_a_verdict_behind_it_compares_it_all(expiring):
    expire(expiring, *of(expiring, 0)[:3], *of(expiring, 1))
    report = expiring.verify(now=later(), level="quick")
    assert problems(report).keys() == {"M3"}
    assert "objects of 0:[0,30), 1:[0,15) have expired" in report.headline


def test_a_hole_in_the_middle_is_a_loss_at_any_age(expiring):
    expire(expiring, of(expiring, 0)[1])
    report = expiring.verify(now=later(days=1000))
    assert check(report, "O2").missing.ranges == (Range(0, 10, 20),)
    assert "was written after objects that are still there" in check(report, "O3").message
    assert report.exit_code == 6
    assert "have expired" not in report.headline


def test_what_was_too_young_for_the_rule_is_a_loss(expiring):
    expire(expiring, of(expiring, 0)[0])
    report = expiring.verify(now=later(days=DAYS - 1))
    assert check(report, "O2").missing.ranges == (Range(0, 0, 10),)
    assert f"was too young for {RULE}: 89 days since it was written" in check(report, "O3").message
    assert report.exit_code == 6
    assert expiring.verify(now=later()).exit_code == 0


def test_what_bronze_does_not_hold_is_a_loss(expiring):
    expire(expiring, of(expiring, 0)[0])
    expiring.execute(
        "delete from bronze.product_cdc where kafka_partition = 0 and kafka_offset = 3"
    )
    report = expiring.verify(now=later())
    assert check(report, "O2").missing.ranges == (Range(0, 0, 10),)
    assert "0:[0,10): bronze holds 9 of 10 records" in check(report, "O2").message
    assert report.exit_code == 6


def test_what_nobody_loaded_is_a_loss(empty_pipeline, write):
    pipeline = empty_pipeline
    write(pipeline, [(*plain(n), OLD, 0) for n in range(30)])
    take(pipeline)
    rule(pipeline)
    expire(pipeline, pipeline.batches()[0])
    finish(pipeline)
    report = pipeline.verify(now=later())
    assert check(report, "O2").missing.ranges == (Range(0, 0, 10),)
    assert report.exit_code == 6


def test_a_row_that_no_object_ever_held_is_not_covered_by_an_expired_range(expiring):
    expire(expiring, of(expiring, 1)[0], of(expiring, 1)[1])
    expiring.execute(
        "insert into bronze.product_cdc (kafka_topic, generation, kafka_partition, kafka_offset,"
        " kafka_timestamp, kafka_key, cdc_payload, batch_file)"
        " select kafka_topic, generation, kafka_partition, 99, kafka_timestamp, kafka_key,"
        " cdc_payload, batch_file from bronze.product_cdc"
        " where kafka_partition = 1 and kafka_offset = 0"
    )
    report = expiring.verify(now=later())
    assert check(report, "B7").extra.ranges == (Range(1, 99, 100),)


@pytest.mark.parametrize(
    "narrow",
    [
        {"Prefix": "product/other/"},
        {"Tag": {"Key": "old", "Value": "yes"}},
        {"And": {"Prefix": PREFIX, "ObjectSizeGreaterThan": 1 << 30}},
    ],
    ids=["elsewhere", "tagged", "large"],
)
def test_a_rule_about_other_objects_explains_nothing(expiring, narrow):
    rule(expiring, **narrow)
    expire(expiring, of(expiring, 0)[0])
    report = expiring.verify(now=later())
    assert "is covered by no rule" in check(report, "O3").message
    assert report.exit_code == 6


def test_without_a_rule_the_configuration_says_it(expiring):
    expiring.objects._client.delete_bucket_lifecycle(Bucket=expiring.objects.bucket)
    expire(expiring, of(expiring, 0)[0])
    assert expiring.verify(now=later()).exit_code == 6
    declared = dataclasses.replace(expiring.table, expire_after_days=30)
    report = expiring.verify(now=later(31), table=declared)
    assert problems(report) == {}
    assert "by expire_after_days = 30 in [tables.product]" in check(report, "O3").message


@pytest.mark.parametrize("damage", ["deleted", "damaged", "older", "of another partition"])
def test_while_objects_are_there_the_frontier_object_is_not_needed(expiring, write, damage):
    key = next(info.key for info in expiring.objects.list(frontier_prefix(PREFIX)))
    before = expiring.objects.get(key)[0]
    write(expiring, [(*plain(n), OLD, 0) for n in range(60, 63)])
    take(expiring)
    finish(expiring)
    expire(expiring, *of(expiring, 0)[:2])
    expiring.objects.delete(key)
    if damage != "deleted":
        other = before.replace(b'"bictl-partition": "0"', b'"bictl-partition": "1"')
        body = {"damaged": b"{", "older": before, "of another partition": other}[damage]
        assert expiring.objects.put_new(key, body, metadata={})

    report = expiring.verify(now=later())

    named = set() if damage == "older" else {"O7"}
    assert problems(report).keys() == named
    assert report.complete
    assert "objects of 0:[0,20) have expired" in report.headline
    assert key in (check(report, "O7").message if named else key)
    noted = take(expiring)
    assert bool(noted.warnings) == (damage in ("damaged", "of another partition"))
    healed = read_kept(expiring.objects, PREFIX).found[(noted.generation, 0)]
    assert (healed.newest.next, healed.anchor.offset) == (43, 42)
    assert problems(expiring.verify(now=later())) == {}


def test_a_recreated_topic_is_noticed_without_any_object(expiring, write, settings):
    from contextlib import closing

    from kafka.admin import KafkaAdminClient

    servers = expiring.settings.kafka.bootstrap_servers
    expire(expiring, *expiring.batches())
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.delete_topics([expiring.table.topic])
    write(expiring, [(*plain(n), OLD, 0) for n in range(3)], partitions=2)
    report = expiring.verify(now=later())
    assert "topic recreated" in check(report, "K1").message
    assert report.exit_code == 6


def test_a_log_that_ends_below_the_expired_frontier_is_a_loss(expiring):
    """The frontier object is believed where the objects have expired: the log has to reach it."""
    place, kept = sorted(read_kept(expiring.objects, PREFIX).found.items())[1]
    assert place[1] == 1
    ahead = dataclasses.replace(kept, newest=dataclasses.replace(kept.newest, first=90, next=100))
    expire(expiring, *expiring.batches())
    expiring.objects.put(
        f"{frontier_prefix(PREFIX)}generation={place[0]}/partition=00001.json", ahead.to_bytes()
    )
    with pytest.raises(EndBelowFrontier, match=r"1:\[15,100\)"):
        take(expiring)
    report = expiring.verify(now=later())
    assert check(report, "K2").missing.ranges == (Range(1, 15, 100),)
    assert report.exit_code == 6


def test_a_hole_that_was_filled_again_outlives_the_older_objects_above_it(expiring):
    """Filled later, it is younger than what stands above it, which expires first."""
    first = of(expiring, 0)[0]
    expire(expiring, first)
    take(expiring, fill=True)
    expiring.execute(
        "update bictl.object_ledger set sealed_at = sealed_at - interval '1 day'"
        " where object_key <> %s",
        first,
    )
    expiring.load()
    expire(expiring, *of(expiring, 0)[1:])
    report = expiring.verify(now=later())
    assert problems(report) == {}
    assert "objects of 0:[10,40) have expired" in report.headline


def test_objects_that_were_sealed_anew_with_another_cut_are_not_missed(expiring):
    expire(expiring, *of(expiring, 0)[1:3])
    ingest(
        expiring.clients.reader,
        expiring.objects,
        table=expiring.table,
        limits=Ingest(batch_records=15),
        run="test",
        fill=True,
    )
    expiring.load()
    report = expiring.verify()
    assert problems(report) == {}
    assert "have expired" not in report.headline


def test_a_replay_after_expiry_loses_no_row_and_names_what_no_object_holds(expiring):
    expire(expiring, *of(expiring, 0)[:2])
    result = load(
        expiring.objects, expiring.database, table=expiring.table, run="again", replay=True
    )
    assert (result.loaded, result.orphans) == (
        35,
        (f"20 records of generation {expiring.generation()}, 0:[0,20)",),
    )
    assert expiring.value("select count(*) from bronze.product_cdc") == 55
    report = expiring.verify(now=later())
    assert problems(report) == {}
    assert report.complete


def test_a_replay_makes_no_old_object_young(expiring):
    load(expiring.objects, expiring.database, table=expiring.table, run="again", replay=True)
    expiring.execute("update bictl.object_ledger set loaded_at = now() + interval '80 days'")
    expire(expiring, *of(expiring, 1))
    assert problems(expiring.verify(now=later())) == {}


def test_an_unreachable_database_does_not_make_an_expiry_a_loss(expiring, monkeypatch):
    expire(expiring, *of(expiring, 0)[:2])
    expiring.database.close()
    nowhere = dataclasses.replace(expiring.settings.postgres, port=1)
    monkeypatch.setattr(expiring.database, "_postgres", nowhere)
    report = expiring.verify(now=later())
    assert check(report, "O2").state is State.UNKNOWN
    assert report.exit_code in (3, 4)


def test_a_newest_object_that_is_lost_is_no_expiry_and_ingest_repairs_it(expiring):
    expire(expiring, of(expiring, 0)[3])
    report = expiring.verify(now=later())
    assert check(report, "O2").missing.ranges == (Range(0, 30, 40),)
    assert check(report, "K5").state is State.OK
    assert report.exit_code == 6
    assert take(expiring).records == 10
    expiring.load()
    assert problems(expiring.verify()) == {}


def test_killed_before_the_frontier_object_and_expired_then_the_range_is_read_again(
    expiring, write
):
    """The frontier object lags by one batch, and the batches that knew better are gone."""
    key = next(info.key for info in expiring.objects.list(frontier_prefix(PREFIX)))
    before = expiring.objects.get(key)[0]
    write(expiring, [(*plain(n), OLD, 0) for n in range(60, 63)])
    take(expiring)
    finish(expiring)
    expiring.objects.put(key, before)
    expire(expiring, *expiring.batches())

    late = expiring.verify(now=later())
    assert problems(late).keys() == {"K5", "K6"}
    assert check(late, "K5").missing.ranges == (Range(0, 40, 43),)
    assert take(expiring).records == 3
    expiring.load()

    report = expiring.verify(now=later())
    assert problems(report) == {}
    assert "58 of 58 records" in report.headline
    assert "objects of 0:[0,40), 1:[0,15) have expired" in report.headline


def test_pruned_rows_of_expired_objects_are_accounted_for(pipeline):
    """What prune took out of bronze was loaded from an object that is gone by now."""
    removed = prune_all(pipeline).removed
    assert removed > 20
    rule(pipeline)
    expire(pipeline, *of(pipeline, 0)[:2])
    report = pipeline.verify(now=later())
    assert problems(report) == {}
    assert report.complete
    assert "245 of 245 records" in report.headline
    assert f"{removed} pruned" in check(report, "B11").message


def test_what_kafka_serves_of_an_expired_object_and_bronze_lacks_is_no_matter_of_the_ledger(
    expiring,
):
    expire(expiring, of(expiring, 0)[0])
    expiring.execute(
        "delete from bronze.product_cdc where kafka_partition = 0 and kafka_offset = 3"
    )
    expiring.execute(
        "update bictl.object_ledger set n_records = 9, n_loaded = 9"
        " where kafka_partition = 0 and first_offset = 0"
    )
    found = check(expiring.verify(now=later(), level="deep"), "K10")
    assert (found.state, found.kind, found.missing.ranges) == ("fail", "loss", (Range(0, 3, 4),))
    assert "--fill" in found.hint
