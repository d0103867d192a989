"""Where reading began: a topic's lives, and partitions whose first records are not there."""

import json
from types import SimpleNamespace

from bictl.ingest.acks import generation_ack, write_ack
from bictl.records import Range
from bictl.verify.report import State

OLD = 1_715_680_000_000


def event(number, *, snapshot="false"):
    value = {"op": "c", "source": {"snapshot": snapshot, "ts_ms": 1}, "after": {"ID": number}}
    return json.dumps({"ID": number}).encode(), json.dumps(value).encode()


def found(report, name):
    return next(check for check in report.checks if check.id == name)


def test_a_first_object_that_is_gone_everywhere_is_still_missed_where_kafka_has_it(pipeline):
    """Object, rows and ledger forgot it together: only Kafka remembers."""
    first = next(key for key in pipeline.batches() if "partition=00001" in key)
    pipeline.objects.delete(first)
    pipeline.execute("delete from bronze.product_cdc where batch_file = %s", first)
    pipeline.execute("delete from bictl.object_ledger where object_key = %s", first)
    report = pipeline.verify()
    assert found(report, "K11").missing.ranges == (Range(1, 0, 20),)
    assert found(report, "K11").hint == "bictl ingest --table product --fill"
    assert report.exit_code == 6


def test_a_log_that_began_anew_and_was_accepted_is_whole_again(empty_pipeline, write):
    """The topic kept its id and lost its end, as after an unclean election."""
    pipeline = empty_pipeline
    write(pipeline, [(*event(number), OLD, 0) for number in range(10)])
    key, value = event(1)
    sealed = [
        SimpleNamespace(offset=at, timestamp=OLD, key=key, value=value, headers=())
        for at in range(20)
    ]
    topic = pipeline.generation()
    pipeline.seal_records(sealed, 0, 20, partition=0, generation=topic, number=0)
    pipeline.load()
    short = pipeline.check("K2")
    assert (short.state, short.missing.ranges) == (State.FAIL, (Range(0, 10, 20),))
    assert f"--generation {topic}-1 " in short.hint
    again = generation_ack(f"{topic}-1", reason="restored", person="me")
    write_ack(pipeline.objects, pipeline.table.prefix, again)
    assert pipeline.check("K2").state is State.OK
    assert pipeline.check("K5").missing.ranges == (Range(0, 0, 10),)
    pipeline.seal(0, 10, generation=f"{topic}-1", number=1)
    pipeline.load()
    report = pipeline.verify()
    states = {check.state for check in report.checks if check.id[0] in "KOB"}
    assert states == {State.OK}
