"""What happens to the topic itself: recreated, discarded, acknowledged; and quick looks at it."""

from contextlib import closing
from dataclasses import replace

import pytest

from bictl.ingest.acks import generation_ack, range_ack, write_ack
from bictl.pipeline import Work
from bictl.pipeline import verify as recorded_verify
from bictl.records import Range
from bictl.verify.report import State

OLD = 1_715_680_000_000
RUN = "00000000-0000-4000-8000-000000000000"


def plain(number: int, name: str = "thing") -> tuple[bytes, bytes]:
    row = f'{{"ID":{number},"Name":"{name}","VendorCode":null,"Description":null}}'
    source = f'{{"snapshot":"false","ts_ms":{OLD},"commit_lsn":"{number:08x}:00000000:0001"}}'
    return (
        f'{{"ID":{number}}}'.encode(),
        f'{{"before":null,"after":{row},"source":{source},"op":"c","ts_ms":{OLD}}}'.encode(),
    )


@pytest.fixture
def small(empty_pipeline, write):
    """Ten records all the way, of a topic that is the test's own."""
    write(empty_pipeline, [(*plain(n), OLD, 0) for n in range(10)])
    empty_pipeline.seal(0, 6)
    empty_pipeline.seal(6, 10)
    empty_pipeline.load()
    empty_pipeline.embed()
    assert empty_pipeline.verify().complete
    return empty_pipeline


def recreate(pipeline, write, count):
    from kafka.admin import KafkaAdminClient

    servers = pipeline.settings.kafka.bootstrap_servers
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.delete_topics([pipeline.table.topic])
    write(pipeline, [(*plain(n, "other"), OLD, 0) for n in range(count)])


def found(report, name):
    return next(check for check in report.checks if check.id == name)


@pytest.mark.parametrize("count", [3, 10, 25])
def test_a_recreated_topic_is_evidence_of_loss_however_long_it_is(small, write, count):
    old = small.generation()
    recreate(small, write, count)
    report = small.verify()
    check = found(report, "K1")
    assert (check.state, report.exit_code, report.complete) == (State.FAIL, 6, False)
    assert old in check.message
    assert small.generation() in check.message
    assert f"--generation {small.generation()}" in check.hint
    assert "topic recreated" in report.headline


def test_an_acknowledged_topic_is_read_on_and_the_acknowledgement_stays_visible(small, write):
    recreate(small, write, 4)
    ack = generation_ack(small.generation(), reason="rebuilt on purpose", person="ann")
    write_ack(small.objects, small.table.prefix, ack)
    report = small.verify()
    assert found(report, "K1").state is State.OK
    assert found(report, "K5").missing.ranges == (Range(0, 0, 4),)
    small.seal(0, 4, number=1)
    small.load()
    small.embed()
    report = small.verify()
    assert report.complete, report.headline
    assert "14 of 14 records" in report.headline
    assert "rebuilt on purpose" in report.acknowledged[0]
    assert found(report, "O1").state is State.OK


def test_a_topic_that_is_gone_is_not_complete(small):
    from kafka.admin import KafkaAdminClient

    servers = small.settings.kafka.bootstrap_servers
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.delete_topics([small.table.topic])
    report = small.verify()
    assert report.exit_code in (3, 6)
    assert not report.complete


def test_an_acknowledgement_put_there_by_hand_hides_nothing_that_kafka_serves(small):
    """`bictl ack` refuses it: tests/cli/test_ingest_command.py. What is really gone:
    tests/jvm/test_acks_kafka.py."""
    small.objects.delete(small.batches()[0])
    lost = Range(0, 0, 6)
    ack = range_ack(lost, generation=small.generation(), reason="expired", person="ann")
    write_ack(small.objects, small.table.prefix, ack)
    report = small.verify()
    assert (report.exit_code, report.complete) == (6, False)
    assert "acknowledged as lost" not in report.headline
    assert found(report, "K12").state is State.WARN
    assert found(report, "K12").extra.ranges == (lost,)
    assert found(report, "K11").missing.ranges == (lost,)
    assert "0:[0,6)" in report.acknowledged[0]
    assert report.acknowledged[0].endswith(
        "(void where Kafka still serves it: partition 0, offsets [0,6))"
    )


# Quick looks -------------------------------------------------------------------------------------


def look(pipeline, level="quick"):
    work = Work(clients=pipeline.clients, settings=pipeline.settings, run=RUN)
    return recorded_verify(work, pipeline.table, level=level)


def test_a_quick_look_without_a_full_verdict_says_so_and_never_complete(small):
    report = look(small)
    assert found(report, "M3").state is State.WARN
    assert "complete" not in report.headline.replace("no full verdict", "")
    assert not report.complete
    assert report.exit_code == 0


def test_a_quick_look_stands_on_the_last_full_verdict_and_compares_what_came_after(small, write):
    assert look(small, "default").complete
    write(small, [(*plain(n), OLD, 0) for n in range(10, 14)])
    small.seal(10, 14)
    small.load()
    report = look(small)
    assert report.headline.startswith("verified through 0:10 at ")
    assert "source, staging, vectors not verified" in report.headline
    assert (report.exit_code, report.complete) == (0, False)
    assert [item.tally.expected for item in report.boundaries] == [4, 4]
    small.execute("delete from bronze.product_cdc where kafka_offset = 12")
    report = look(small)
    assert found(report, "B3").missing.ranges == (Range(0, 12, 13),)
    assert report.exit_code == 1


def test_a_quick_look_with_nothing_new_is_well(small):
    look(small, "default")
    report = look(small)
    assert {check.id: check.message for check in report.checks if check.state != "ok"} == {}
    assert report.exit_code == 0


def test_a_quick_look_sees_what_is_not_ingested(small, write):
    look(small, "default")
    write(small, [(*plain(n), OLD, 0) for n in range(10, 14)])
    report = look(small)
    assert found(report, "K5").missing.ranges == (Range(0, 10, 14),)
    assert report.exit_code == 1


def test_a_verdict_that_was_not_complete_carries_no_quick_look(small):
    small.execute("delete from bronze.product_cdc where kafka_offset = 2")
    look(small, "default")
    assert found(look(small), "M3").state is State.WARN


def test_a_verdict_of_another_table_carries_no_quick_look(small):
    look(small, "default")
    small.settings = replace(
        small.settings, tables={"product": replace(small.table, name="product")}
    )
    small.execute("update bictl.run set result = jsonb_set(result, '{table}', '\"category\"')")
    assert found(look(small), "M3").state is State.WARN
