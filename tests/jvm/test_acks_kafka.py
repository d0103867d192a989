"""What Kafka really discarded may be acknowledged; what it still serves may not, by no hand."""

import pytest
from ingested import records
from kafka import TopicPartition

from bictl.errors import UsageError
from bictl.ingest import range_ack, write_ack
from bictl.ingest.acknowledge import acknowledge
from bictl.records import Range
from bictl.verify import verify
from bictl.verify.report import State

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(120)]
CHECKS = ("K4", "K5", "K11", "K12", "O2")


@pytest.fixture
def judge(clients, table):
    """The checks between Kafka and the objects that are not well, and the verdict."""

    def look():
        report = verify(
            clients.reader,
            clients.objects,
            clients.database,
            table=table,
            staging_schema="staging_staging",
            model="",
            max_lag=300,
            select=CHECKS,
        )
        return {c.id: c for c in report.checks if c.state is not State.OK}, report

    return look


def test_an_acknowledgement_counts_below_the_logs_start_and_nowhere_else(
    create, produce, run, clients, admin, table, judge
):
    create()
    produce(table.topic, records(50))
    run(max_records=20)
    admin.delete_records({TopicPartition(table.topic, 0): 35})
    assert judge()[0]["K4"].missing.ranges == (Range(0, 20, 35),)

    generation = clients.reader.describe(table.topic).id
    refused = {"table": table, "reason": "retention", "person": "olena"}
    with pytest.raises(UsageError, match=r"0:\[20,40\) cannot be acknowledged"):
        acknowledge(clients.reader, clients.objects, ranges=[Range(0, 20, 40)], **refused)
    by_hand = range_ack(Range(0, 20, 40), generation=generation, reason="by hand", person="ann")
    assert write_ack(clients.objects, table.prefix, by_hand)

    wrong, report = judge()
    assert wrong.keys() == {"K5", "K12"}
    assert wrong["K5"].missing.ranges == (Range(0, 35, 50),)
    assert wrong["K12"].extra.ranges == (Range(0, 35, 40),)
    assert report.accepted_loss.ranges == (Range(0, 20, 35),)

    assert run().records == 15
    wrong, report = judge()
    assert wrong.keys() == {"K12"}
    assert report.accepted_loss.ranges == (Range(0, 20, 35),)
    assert "by hand (void where Kafka still serves it" in report.acknowledged[0]


def test_a_hole_that_an_acknowledgement_by_hand_covers_is_filled_while_kafka_serves_it(
    create, produce, run, clients, keys, table, judge
):
    create()
    produce(table.topic, records(30))
    generation = run(batch_records=10).generation
    whole = keys()
    clients.objects.delete(sorted(whole)[1])
    by_hand = range_ack(Range(0, 10, 20), generation=generation, reason="tired", person="ann")
    assert write_ack(clients.objects, table.prefix, by_hand)
    assert judge()[0]["O2"].missing.ranges == (Range(0, 10, 20),)

    assert run(batch_records=10, fill=True).records == 10
    assert keys().keys() == whole.keys()
    assert judge()[0].keys() == {"K12"}
