"""M7: how long the last day's records took, by the times that the layers themselves hold."""

from datetime import UTC, datetime, timedelta

import pytest

from bictl.verify.present import as_document
from bictl.verify.surroundings import Surroundings

_TIMES = """
with nth as (select id, row_number() over (order by kafka_partition, kafka_offset) as n
    from bronze.product_cdc)
update bronze.product_cdc b
set kafka_timestamp = %s::timestamptz + n * interval '1 second',
    ingested_at = %s::timestamptz + n * interval '1 second' + n * interval '2 seconds',
    cdc_payload = case when cdc_payload -> 'payload' ? 'source'
        then jsonb_set(jsonb_set(cdc_payload, '{payload,source,ts_ms}',
        to_jsonb(((extract(epoch from %s::timestamptz) + n) * 1000 - 500)::bigint)),
        '{payload,source,snapshot}', '"false"') else cdc_payload end
from nth where nth.id = b.id and n <= 100"""


@pytest.fixture
def recent(pipeline):
    """The first hundred records in two hours of today: half a second to Kafka, the n-th 2 n seconds
    to bronze, each vector a minute behind its row."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    pipeline.execute(_TIMES, at, at, at)
    pipeline.execute("update bictl.object_ledger set sealed_at = null")
    pipeline.execute(
        """update analytics_features.product_embeddings v
        set embedded_at = case when s.ingested_at < now() - interval '1 hour'
            then s.ingested_at + interval '1 minute' else now() - interval '2 days' end
        from staging_staging.stg_product s where s.product_id = v.product_id"""
    )
    return pipeline


def test_each_hop_of_the_last_day_is_counted(recent):
    report = recent.verify(select=["M7"])
    hops = {hop.name: hop for hop in report.latency}
    assert list(hops) == ["source → Kafka", "bronze → vectors", "source → bronze"]
    to_kafka, whole = hops["source → Kafka"], hops["source → bronze"]
    assert (to_kafka.p50, to_kafka.p95, to_kafka.longest) == pytest.approx((0.5, 0.5, 0.5))
    assert whole.records == 100
    assert whole.p50 == pytest.approx(101.5, abs=0.6)
    assert whole.p95 == pytest.approx(190.6, abs=0.6)
    assert whole.longest == pytest.approx(200.5, abs=0.6)
    assert hops["bronze → vectors"].longest == pytest.approx(60)
    assert as_document(report)["latency"][0] == {
        "from": "source",
        "to": "kafka",
        "records": to_kafka.records,
        "p50": 0.5,
        "p95": 0.5,
        "max": 0.5,
    }


def test_a_promise_that_is_not_kept_fails_and_says_the_command(recent):
    kept, broken = (
        recent.check("M7", select=["M7"], around=Surroundings(max_latency=seconds))
        for seconds in (200, 180)
    )
    assert kept.state == "ok"
    assert (broken.state, broken.hint) == (
        "fail",
        "bictl run --table product, and more often",
    )
    assert broken.message.startswith("records are late: source → Kafka 0.5 s")


def test_where_nothing_came_in_a_day_nothing_is_late(pipeline):
    found = pipeline.check("M7", select=["M7"], around=Surroundings(max_latency=1))
    assert (found.state, found.message) == ("ok", "no record came in the last day")
