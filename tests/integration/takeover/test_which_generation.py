"""Which life of the topic old records belong to: settled once, by what Kafka still serves."""

import json

import pytest
from old_platform import records

from bictl import pipeline
from bictl.errors import TopicRecreated, Unreachable, UsageError
from bictl.ingest import write_ack
from bictl.ingest.acks import generation_ack

DECISION = "_bictl/product/raw/takeover.json"


def decided(taking):
    return json.loads(taking.clients.objects.get(DECISION)[0])


def test_records_that_kafka_serves_are_of_the_current_generation(platform, taking):
    platform(records(150))

    taken = taking.migrate().taken["product"]

    assert taken.generation == taking.generation()
    assert taking.chain() == [(0, 115)]
    assert decided(taking)["why"].startswith("Kafka serves the same ")
    assert taking.value("select distinct generation from bronze.product_cdc") == taken.generation


def test_other_records_at_the_same_offsets_make_them_legacy(
    platform, old, taking, produce, delete_topic
):
    platform(records(150))
    delete_topic(old.topic)
    produce(old.topic, records(300, word="another"))

    taken = taking.migrate().taken["product"]

    assert taken.generation == "legacy"
    assert "other records where these were: 0:0" in decided(taking)["why"]
    assert taking.chain("legacy") == [(0, 115)]
    manifest = taking.clients.objects.head(
        "product/raw/generation=legacy/partition=00000/batch=00000000000000000000.jsonl.gz"
    )[1]
    assert manifest["bictl-generation-no"] == "-1"


def test_a_topic_that_ends_before_the_old_records_makes_them_legacy(
    platform, old, taking, produce, delete_topic
):
    known = platform(records(150))
    delete_topic(old.topic)
    produce(old.topic, known[:100])  # the same records, but not so many

    assert taking.migrate().taken["product"].generation == "legacy"
    assert "the topic ends before it" in decided(taking)["why"]


def test_one_record_that_disagrees_is_enough(old, taking, produce):
    known = records(120)
    produce(old.topic, known)
    lines = old.lines(known)
    changed = json.loads(lines[-1])
    changed["timestamp"] += 1
    old.put([*lines[:-1], json.dumps(changed)])

    assert taking.migrate().taken["product"].generation == "legacy"
    assert "0:119" in decided(taking)["why"]


def test_numbers_are_compared_with_all_their_digits(old, taking, produce):
    exact = b'{"op":"c","source":{},"after":{"ID":1,"Price":0.12345678901234567891}}'
    produce(old.topic, [(b'{"ID":1}', exact, [], 1_715_680_000_000, 0)])
    line = old.lines([(b'{"ID":1}', b"null", [], 1_715_680_000_000, 0)])[0]
    rounded = json.dumps(json.loads(exact))  # as a script that read a float wrote it
    old.put([line.replace('"value": null', f'"value": {rounded}')])

    assert taking.migrate().taken["product"].generation == "legacy"


def test_ingest_goes_on_beside_legacy_without_an_acknowledgement(
    platform, old, taking, produce, delete_topic
):
    platform(records(150))
    delete_topic(old.topic)
    produce(old.topic, records(40, word="another"))
    taking.migrate()

    result = taking.ingest()

    assert result.records == 40
    assert taking.chain() == [(0, 40)]
    number = "select generation, generation_no from bronze.cdc_generation order by 2"
    taking.load()
    assert taking.rows(number) == [("legacy", -1), (taking.generation(), 0)]
    assert taking.value("select count(*) from bronze.product_cdc") == 155


def test_without_kafka_nothing_is_decided_and_nothing_changed(platform, taking):
    platform(records(20), taken=20)
    dead, before = taking.without_kafka(), taking.keys()

    with pytest.raises(Unreachable, match="Kafka is needed once, to tell which generation") as why:
        dead.migrate()

    assert "--legacy-generation legacy" in why.value.hint
    assert taking.keys() == before
    assert taking.value("select to_regclass('bictl.schema_version')") is None
    assert (
        taking.rows("select 1 from information_schema.columns where column_name = 'generation'")
        == []
    )


def test_a_person_may_decide_for_legacy_without_kafka(platform, taking):
    platform(records(20), taken=20)

    taken = taking.without_kafka().migrate("legacy").taken["product"]

    assert (taken.generation, taken.records) == ("legacy", 20)
    assert decided(taking)["why"] == "a person decided it"


def test_a_person_may_decide_for_the_current_one(old, taking, produce):
    produce(old.topic, records(10, word="another"))
    old.put(old.lines(records(20)))

    taken = taking.migrate("current").taken["product"]

    assert taken.generation == taking.generation()
    assert taken.differing == 10  # what Kafka serves stands, the old words are kept beside it
    assert taken.exit_code == 6
    assert [line.value for line in taking.lines()][:1] == [records(10, word="another")[0][1]]
    assert len(taking.lines()) == 20


def test_what_was_decided_stands(platform, taking):
    platform(records(20), taken=20)
    taking.migrate("legacy")

    with pytest.raises(UsageError, match="belong to generation legacy since"):
        taking.migrate("current")
    assert taking.migrate().taken == {}


def test_an_unknown_topic_is_a_mistake_and_no_decision(old, taking):
    old.create_bronze()
    lines = old.lines(records(5))
    old.load(lines, old.put(lines))

    with pytest.raises(UsageError, match="unknown topic") as refused:
        taking.migrate()
    assert "--legacy-generation legacy" in refused.value.hint


def test_a_topic_that_nobody_accepted_is_not_given_old_records(old, taking, produce, delete_topic):
    produce(old.topic, records(10, word="first life"))
    taking.ingest()
    delete_topic(old.topic)
    produce(old.topic, records(30))
    old.put(old.lines(records(20)))

    with pytest.raises(TopicRecreated) as refused:
        taking.migrate()
    assert f"--generation {taking.generation()}" in refused.value.hint

    ack = generation_ack(taking.generation(), reason="meant", person="me")
    write_ack(taking.clients.objects, taking.table.prefix, ack)
    assert taking.migrate().taken["product"].generation == taking.generation()


def test_a_dry_run_says_it_all_and_does_nothing(platform, taking):
    platform(records(20), taken=20)
    before = taking.keys()

    words = pipeline.plan_forward(taking.work())

    assert "apply 0001_foundation" in words
    assert "take over bronze.product_cdc" in words
    assert words[-1].startswith(
        "seal the records of 1 old object and the old bronze table of product as generation"
        f" {taking.generation()}: Kafka serves the same"
    )
    assert taking.keys() == before
    assert taking.value("select to_regclass('bictl.schema_version')") is None
