"""bictl trace on the real services: each layer's absence made real, one at a time."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from batches import Written, seal

from bictl.clients import Clients
from bictl.embeddings.layout import TEXT_RULE
from bictl.errors import NotFound
from bictl.ingest import quarantine_ack, write_ack
from bictl.settings import Settings, Table
from bictl.trace import Place, State, Trace, trace
from bictl.trace.event import is_closed, newest
from bictl.trace.key import Key, parse_key
from bictl.trace.run import Asked, Limits
from bictl.trace.warehouse import Warehouse
from bictl.verify.read_rows import fold, fold_parameters

BRONZE = "bronze.product_cdc"
STAGING = "staging_staging.stg_product"
VECTORS = "analytics_features.product_embeddings"
OLD = 1_715_680_000_000
LAG = 86_400  # longer than a session, in which the pipeline is made once
LAYERS = ("source", "Kafka", "objects", "ledger", "bronze", "key", "staging", "vectors")


def look(
    settings: Settings,
    clients: Clients,
    asked: Asked,
    *,
    late: bool = True,
    table: Table | None = None,
    **limits: object,
) -> Trace:
    """A trace two days later, when nothing is on its way any more; or now."""
    table = table or settings.table("product")
    return trace(
        clients.reader,
        clients.objects,
        clients.database,
        table=table,
        asked=asked,
        limits=Limits(max_lag=LAG, **limits),
        staging=f"staging_staging.{table.staging}",
        model=settings.embedding.model,
        now=datetime.now(UTC) + late * timedelta(days=2),
    )


def at(pipeline, offset: int, *, partition: int = 0, **options) -> Trace:
    asked = Asked(partition=partition, offset=offset)
    return look(pipeline.settings, pipeline.clients, asked, **options)


def of(pipeline, key: object, **options) -> Trace:
    asked = Asked(key=Key(("ID",), (str(key),)))
    return look(pipeline.settings, pipeline.clients, asked, **options)


def states(found: Trace) -> dict[str, str]:
    """What is not simply well."""
    well = {"found", "newest"}
    return {layer.name: layer.state.value for layer in found.layers if layer.state not in well}


def events(pipeline) -> dict[str, list]:
    """Every key's events in bronze, by offset."""
    house = Warehouse(pipeline.database, pipeline.table, staging=STAGING)
    keys = pipeline.database.rows(
        f"select distinct bronze.cdc_key_text(kafka_key, cdc_payload, 'ID') from {BRONZE}"
    )
    return {key: house.standing(Key(("ID",), (key,)), most=200) for (key,) in keys}


@pytest.fixture
def standing(pipeline) -> tuple[str, Place]:
    """A key whose newest record is in staging, and that record's place."""
    for key, found in events(pipeline).items():
        last = newest(found.events)
        if last is not None and not last.is_gone and found.staged is not None:
            return key, last.place
    raise AssertionError("the pipeline has no live key")


# Where all is well -------------------------------------------------------------------------------


def test_every_record_of_a_healthy_pipeline_is_where_it_should_be(pipeline):
    allowed = {"superseded", "deleted", "closed", "not told"}  # a tombstone tells no time
    for partition, found in pipeline.clients.reader.offsets(pipeline.table.topic, [0, 1]).items():
        for offset in range(0, found.stable, 7):
            traced = at(pipeline, offset, partition=partition)
            assert traced.exit_code == 0, (offset, traced)
            assert set(states(traced).values()) <= allowed, (offset, states(traced))
            assert [layer.name for layer in traced.layers] == list(LAYERS)


def test_the_newest_record_of_every_key_is_the_one_that_verify_folds(pipeline):
    query = fold(pipeline.database, pipeline.table) + pipeline.database.quoted(
        "select n.key, b.generation, b.kafka_partition, b.kafka_offset, n.gone, n.closed"
        " from newest n join {bronze} b on b.id = n.record_id",
        bronze=BRONZE,
    )
    folded = {
        key: (Place(generation, partition, offset), gone, closed)
        for key, generation, partition, offset, gone, closed in pipeline.database.rows(
            query, fold_parameters(pipeline.table)
        )
    }
    mine = {}
    for key, found in events(pipeline).items():
        last = newest(found.events)
        assert last is not None
        mine[key] = (last.place, last.is_gone, is_closed(last, found.snapshots))
    assert len(mine) > 50
    assert mine == folded


def test_a_key_shows_its_events_in_order_and_its_newest_record_everywhere(pipeline, standing):
    key, place = standing
    found = of(pipeline, key)
    assert (found.exit_code, found.place, found.key) == (0, place, {"ID": key})
    assert states(found) == {}
    assert found.event_count == len(found.events)
    assert [event["newest"] for event in found.events] == [False] * (len(found.events) - 1) + [True]
    assert found.layer("objects").facts["object"] in pipeline.batches()
    assert found.layer("ledger").facts["load_run"] == "test"
    assert found.payload["value"]["after"]["ID"] == int(key)


def test_times_lead_from_the_source_to_the_vector(pipeline, standing):
    found = of(pipeline, standing[0])
    times = [layer.at for layer in found.layers if layer.name in ("objects", "bronze", "vectors")]
    assert all(times)
    assert found.latency.to_bronze == pytest.approx(
        (found.layer("bronze").at - found.layer("source").at).total_seconds()
    )
    assert found.latency.to_vectors >= found.latency.to_bronze
    assert found.layer("objects").whole_seconds


def test_an_older_record_is_superseded_and_the_newer_one_is_named(pipeline):
    for found in events(pipeline).values():
        last = newest(found.events)
        if len(found.events) > 1 and not last.is_gone and found.staged is not None:
            break
    older = min(found.events, key=lambda event: event.place).place
    traced = at(pipeline, older.offset, partition=older.partition)
    assert traced.layer("key").state is State.SUPERSEDED
    assert str(last.place) in traced.layer("key").said[0]
    assert traced.layer("staging").state is State.SUPERSEDED
    assert (traced.layer("bronze").state, traced.exit_code) == (State.FOUND, 0)


def test_a_key_deleted_at_the_source_is_in_no_row_and_no_vector(pipeline):
    key, found = next(item for item in events(pipeline).items() if newest(item[1].events).is_gone)
    traced = of(pipeline, key)
    assert states(traced) == {"source": "not told", "staging": "deleted", "vectors": "deleted"}
    assert traced.layer("staging").said == (f"by {newest(found.events).words}",)


# What the layers lack ----------------------------------------------------------------------------


def test_a_record_that_is_not_ingested_is_missing_in_the_objects_once_it_is_old(
    empty_pipeline, write
):
    write(empty_pipeline, [(b'{"ID":1}', b'{"ID":1}', OLD, 0)])
    found = at(empty_pipeline, 0)
    assert found.layer("objects").state is State.MISSING
    assert found.layer("objects").repair == "bictl ingest --table product"
    assert states(found) == {
        "source": "not told",
        "objects": "missing",
        "ledger": "not yet",
        "bronze": "not yet",
        "staging": "not yet",
        "vectors": "not yet",
    }
    assert found.exit_code == 1


def test_a_young_record_that_is_not_ingested_is_on_its_way(empty_pipeline, write):
    now = int(datetime.now(UTC).timestamp() * 1000)
    write(empty_pipeline, [(b'{"ID":1}', b'{"ID":1}', now, 0)])
    found = at(empty_pipeline, 0, late=False)
    assert (found.layer("objects").state, found.exit_code) == (State.NOT_YET, 0)


def test_a_key_above_the_frontier_is_found_by_a_scan_and_only_then(empty_pipeline, write):
    write(empty_pipeline, [(b'{"ID":%d}' % n, b'{"ID":%d}' % n, OLD, 0) for n in (1, 2, 3)])
    empty_pipeline.seal(0, 2)
    empty_pipeline.load()
    with pytest.raises(NotFound) as unseen:
        of(empty_pipeline, 3)
    assert "--scan" in str(unseen.value.hint)
    assert "existing: 2, 1" in str(unseen.value.hint)
    found = of(empty_pipeline, 3, scan=True)
    assert (found.place.offset, found.layer("objects").state) == (2, State.MISSING)


def test_a_sealed_record_that_is_not_loaded_is_missing_in_the_ledger(empty_pipeline, write):
    write(empty_pipeline, [(b'{"ID":1}', b'{"ID":1}', OLD, 0)])
    empty_pipeline.seal(0, 1)
    for found in (at(empty_pipeline, 0), of(empty_pipeline, 1)):
        assert found.layer("objects").state is State.FOUND
        assert found.layer("ledger").state is State.MISSING
        assert found.layer("ledger").repair == "bictl load-bronze --table product"
        assert found.layer("bronze").state is State.NOT_YET
        assert found.exit_code == 1
    assert at(empty_pipeline, 0, late=False).layer("ledger").state is State.NOT_YET


def test_an_object_deleted_from_the_middle_is_missing_and_read_again(pipeline):
    gone = pipeline.batches()[1]
    covered = pipeline.manifest(gone).range
    pipeline.objects.delete(gone)
    found = at(pipeline, covered.first, partition=covered.partition)
    assert found.layer("objects").state is State.MISSING
    assert found.layer("objects").repair == "bictl ingest --table product --fill"
    assert found.layer("bronze").state is State.FOUND
    assert found.exit_code == 1


def test_an_object_that_expired_after_it_was_loaded_is_no_failure(pipeline):
    gone = pipeline.batches()[0]
    covered = pipeline.manifest(gone).range
    pipeline.objects.delete(gone)
    found = at(pipeline, covered.first, partition=covered.partition)
    assert (found.layer("objects").state, found.exit_code) == (State.EXPIRED, 0)
    assert found.layer("bronze").state is State.FOUND


def test_a_damaged_object_is_named(pipeline):
    key = pipeline.batches()[1]
    body, metadata = pipeline.objects.get(key)
    covered = pipeline.manifest(key).range
    pipeline.put(key, body[:-20], metadata)
    found = at(pipeline, covered.first, partition=covered.partition)
    assert (found.layer("objects").state, found.exit_code) == (State.DAMAGED, 1)
    assert key in found.layer("objects").said


def test_an_object_whose_record_is_not_kafkas_is_a_conflict(empty_pipeline, write):
    write(empty_pipeline, [(b'{"ID":1}', b'{"ID":1}', OLD, 0)])
    forged = Written(0, b'{"ID":1}', b'{"ID":1,"forged":true}', timestamp=OLD)
    empty_pipeline.seal_records(
        [forged], 0, 1, partition=0, generation=empty_pipeline.generation(), number=0
    )
    found = at(empty_pipeline, 0)
    assert (found.layer("objects").state, found.exit_code) == (State.CONFLICT, 6)


def test_a_row_deleted_from_bronze_is_missing_there(pipeline, standing):
    _, place = standing
    pipeline.execute(
        f"delete from {BRONZE} where kafka_partition = %s and kafka_offset = %s",
        place.partition,
        place.offset,
    )
    found = at(pipeline, place.offset, partition=place.partition)
    assert found.layer("bronze").state is State.MISSING
    assert found.layer("bronze").repair == "bictl load-bronze --table product --replay"
    assert (found.layer("ledger").state, found.exit_code) == (State.FOUND, 1)


def test_a_pruned_row_is_no_loss(pipeline):
    for found in events(pipeline).values():
        if len(found.events) > 1:
            break
    older = min(found.events, key=lambda event: event.place).place
    pipeline.execute(
        f"delete from {BRONZE} where kafka_partition = %s and kafka_offset = %s",
        older.partition,
        older.offset,
    )
    pipeline.execute(
        "insert into bictl.pruned_range (kafka_topic, generation, kafka_partition, first_offset,"
        " next_offset, n_rows, offsets, cut_offset, verified_run, reason, run) values"
        " (%s, %s, %s, 0, 1000, 1, int8multirange(int8range(%s, %s)), 1000, gen_random_uuid(),"
        " 'before 2026', 'r1')",
        pipeline.table.topic,
        older.generation,
        older.partition,
        older.offset,
        older.offset + 1,
    )
    found = at(pipeline, older.offset, partition=older.partition)
    assert (found.layer("bronze").state, found.exit_code) == (State.PRUNED, 0)
    assert "before 2026" in found.layer("bronze").said[0]


def test_a_record_in_quarantine_says_why_and_how_it_is_looked_at(empty_pipeline, write):
    write(empty_pipeline, [(b'{"ID":1}', b'{"ID":1,"Name":"a\\u0000b"}', OLD, 0)])
    empty_pipeline.seal(0, 1)
    empty_pipeline.load()
    for found in (at(empty_pipeline, 0), of(empty_pipeline, 1)):
        bronze = found.layer("bronze")
        assert (bronze.state, found.exit_code) == (State.QUARANTINED, 3)
        assert bronze.facts["sqlstate"] == "22P05"
        assert bronze.repair == "bictl quarantine show 0:0 --table product"
    ack = quarantine_ack("22P05", expires=None, reason="fixed at the source", person="Ada")
    write_ack(empty_pipeline.objects, empty_pipeline.table.prefix, ack)
    found = at(empty_pipeline, 0)
    assert (found.layer("bronze").state, found.exit_code) == (State.ACKNOWLEDGED, 0)
    assert "Ada" in found.layer("bronze").said[0]


def test_two_records_that_claim_one_offset_are_a_conflict(pipeline, standing):
    _, place = standing
    pipeline.execute(
        "insert into bictl.offset_conflict (kafka_topic, generation, kafka_partition,"
        " kafka_offset, kafka_timestamp, batch_file, batch_sha256, standing_file)"
        " values (%s, %s, %s, %s, now(), 'other', 'x', 'first')",
        pipeline.table.topic,
        place.generation,
        place.partition,
        place.offset,
    )
    found = at(pipeline, place.offset, partition=place.partition)
    assert (found.layer("bronze").state, found.exit_code) == (State.CONFLICT, 6)


def freeze(pipeline) -> None:
    """Staging as a table, which can fall behind as no view can."""
    pipeline.execute(f"create table staging_staging.frozen as select * from {STAGING}")
    pipeline.execute(f"drop view {STAGING}")
    pipeline.execute("alter table staging_staging.frozen rename to stg_product")


def test_a_row_that_staging_lacks_is_missing_and_one_of_an_older_record_is_stale(
    pipeline, standing
):
    key, _ = standing
    freeze(pipeline)
    pipeline.execute(f"update {STAGING} set cdc_operation = 'x' where product_id = %s", key)
    found = of(pipeline, key)
    assert (found.layer("staging").state, found.exit_code) == (State.STALE, 1)
    assert "cdc_operation is x" in found.layer("staging").said[0]
    pipeline.execute(f"delete from {STAGING} where product_id = %s", key)
    found = of(pipeline, key)
    assert (found.layer("staging").state, found.exit_code) == (State.MISSING, 1)
    assert found.layer("staging").repair == "bictl transform --table product"
    pipeline.execute(f"drop table {STAGING}")
    assert of(pipeline, key).layer("staging").state is State.MISSING


def test_a_deleted_key_whose_row_still_stands_is_stale(pipeline):
    key, _ = next(item for item in events(pipeline).items() if newest(item[1].events).is_gone)
    freeze(pipeline)
    pipeline.execute(f"insert into {STAGING} (product_id, name) values (%s, 'ghost')", key)
    traced = of(pipeline, key)
    assert (traced.layer("staging").state, traced.exit_code) == (State.STALE, 1)


def test_a_row_that_is_not_embedded_is_missing_once_it_is_old(pipeline, standing):
    key, _ = standing
    pipeline.execute(f"delete from {VECTORS} where product_id = %s", key)
    found = of(pipeline, key)
    assert states(found) == {"vectors": "missing"}
    assert found.layer("vectors").repair == "bictl embed --table product"
    assert of(pipeline, key, late=False).layer("vectors").state is State.NOT_YET
    pipeline.execute(f"drop table {VECTORS}")
    assert of(pipeline, key).layer("vectors").state is State.MISSING


def test_a_vector_of_another_text_or_model_is_stale(pipeline, standing):
    key, _ = standing
    pipeline.execute(f"update {VECTORS} set model = 'other' where product_id = %s", key)
    assert "it is of model other, not" in of(pipeline, key).layer("vectors").said[0]
    pipeline.execute(f"update {VECTORS} set content_hash = 'x' where product_id = %s", key)
    found = of(pipeline, key)
    assert (found.layer("vectors").state, found.exit_code) == (State.STALE, 1)
    assert found.layer("vectors").said == ("it is that of another text",)


def test_a_vector_made_before_the_record_says_that_the_text_is_the_same(pipeline, standing):
    key, _ = standing
    pipeline.execute(f"update {VECTORS} set embedded_at = '2020-01-01' where product_id = %s", key)
    found = of(pipeline, key)
    assert (found.layer("vectors").state, found.layer("vectors").at) == (State.FOUND, None)
    assert "the text is the same since" in found.layer("vectors").said[1]
    assert found.latency.to_vectors is None


def test_the_hash_is_the_one_that_embed_writes(pipeline):
    stale = pipeline.value(
        f"select count(*) from {VECTORS} e join {STAGING} s using (product_id) where"
        " e.content_hash is distinct from sha256(convert_to(%s || regexp_replace(btrim("
        "concat_ws(E'\\x1f', s.name, s.vendor_code, s.description), E' \\t\\r\\n\\x1f'),"
        " '\\s*\\x1f[\\s\\x1f]*', '. ', 'g'), 'UTF8'))",
        TEXT_RULE,
    )
    assert stale == 0
    fresh = [found.vector.is_stale for found in events(pipeline).values() if found.vector]
    assert len(fresh) > 30
    assert not any(fresh)


# What does not answer ----------------------------------------------------------------------------

DEAD = {
    "Kafka": lambda s: replace(s, kafka=replace(s.kafka, bootstrap_servers="127.0.0.1:1")),
    "objects": lambda s: replace(s, s3=replace(s.s3, endpoint_url="http://127.0.0.1:1")),
    "bronze": lambda s: replace(s, postgres=replace(s.postgres, port=1)),
}


@pytest.mark.parametrize("dead", DEAD)
def test_a_service_that_is_down_hides_no_other(pipeline, standing, dead):
    key, place = standing
    settings = DEAD[dead](pipeline.settings)
    with Clients(settings, timeout=5) as clients:
        by_offset = look(settings, clients, Asked(partition=place.partition, offset=place.offset))
        by_key = look(settings, clients, Asked(key=Key(("ID",), (key,))))
    for found in (by_offset, by_key):
        assert found.layer(dead).state is State.UNREACHABLE
        assert found.exit_code == 3
        assert found.place == place
        others = {name for name in ("Kafka", "objects", "bronze") if name != dead}
        assert {found.layer(name).state for name in others} == {State.FOUND}


def test_where_nothing_answers_the_code_is_4(pipeline):
    settings = pipeline.settings
    for kill in DEAD.values():
        settings = kill(settings)
    with Clients(settings, timeout=5) as clients:
        found = look(settings, clients, Asked(partition=0, offset=0))
    assert {layer.state for layer in found.layers} == {State.UNREACHABLE}
    assert (found.exit_code, found.verdict) == (4, "no layer answers")


def test_before_the_first_load_there_are_no_tables_and_no_error(
    new_settings, empty_pipeline, write
):
    write(empty_pipeline, [(b'{"ID":1}', b'{"ID":1}', OLD, 0)])
    settings = new_settings(empty_pipeline.table.topic)
    with Clients(settings) as clients:
        found = look(settings, clients, Asked(partition=0, offset=0), late=False)
        with pytest.raises(NotFound):
            look(settings, clients, Asked(key=Key(("ID",), ("2",))))
    assert found.layer("bronze").state is State.NOT_YET


# What was never seen -----------------------------------------------------------------------------


def test_an_offset_that_was_never_written_says_what_is_there(pipeline):
    with pytest.raises(NotFound) as unseen:
        at(pipeline, 10_000)
    assert "Kafka serves 0:[0," in unseen.value.hint
    assert "the batches hold 0:[0," in unseen.value.hint
    with pytest.raises(NotFound) as unseen:
        at(pipeline, 0, partition=9)
    assert "partitions 0, 1" in unseen.value.hint


def test_a_key_that_was_never_seen_names_its_neighbours(pipeline):
    with pytest.raises(NotFound) as unseen:
        of(pipeline, 25)
    assert unseen.value.hint.startswith("existing: 24, 36, 12, 48")


def test_a_key_without_a_record_but_with_a_row_is_shown(pipeline):
    freeze(pipeline)
    pipeline.execute(f"insert into {STAGING} (product_id, name) values (25, 'ghost')")
    found = of(pipeline, 25)
    assert (found.layer("staging").state, found.exit_code) == (State.STALE, 1)
    assert found.layer("key").state is State.MISSING


def test_a_generation_is_named_by_a_beginning_and_an_unknown_one_lists_the_others(pipeline):
    life = pipeline.generation()
    asked = Asked(partition=0, offset=0, generation=life[:8])
    assert look(pipeline.settings, pipeline.clients, asked).place.generation == life
    with pytest.raises(NotFound) as unseen:
        look(pipeline.settings, pipeline.clients, replace(asked, generation="nope"))
    assert life in unseen.value.hint


def test_a_record_of_an_earlier_life_is_discarded_by_kafka_and_found_below(pipeline):
    """As takeover leaves it, too: batches of a generation that the topic never had."""
    old = [Written(0, b'{"ID":13}', b'{"ID":13,"Name":"old"}', timestamp=OLD)]
    seal(pipeline.objects, pipeline.table, old, generation="earlier", generation_no=0)
    pipeline.load()
    asked = Asked(partition=0, offset=0, generation="earlier")
    found = look(pipeline.settings, pipeline.clients, asked)
    assert found.layer("Kafka").state is State.DISCARDED
    for name in ("objects", "ledger", "bronze", "staging"):
        assert found.layer(name).state is State.FOUND
    assert of(pipeline, 13).place == found.place


# Keys --------------------------------------------------------------------------------------------


def test_text_keys_and_keys_of_several_columns_are_found(empty_pipeline, write):
    table = replace(
        empty_pipeline.table,
        key=("Code", "Region"),
        key_types=("text", "text"),
        id=("code", "region"),
        embed=(),
        staging="stg_stock",
    )
    rows = [("a=b", 7, 1), ("a=b", 8, 2), ("насос", 7, 3), ("a=b", 7, 4)]
    records = []
    for code, region, count in rows:
        key = {"Code": code, "Region": region}
        records.append((json.dumps(key).encode(), json.dumps({**key, "N": count}).encode(), OLD, 0))
    write(empty_pipeline, records)
    empty_pipeline.seal(0, len(records))
    empty_pipeline.load()
    empty_pipeline.execute(
        "create view staging_staging.stg_stock as select cdc_payload ->> 'Code' as code,"
        " (cdc_payload ->> 'Region')::integer as region, max(cdc_payload ->> 'N') as n,"
        f" max(ingested_at) as ingested_at from {BRONZE} group by 1, 2"
    )
    for words, offset, count in (
        (["Code=a=b", "Region=7"], 3, 2),
        (["Region=8", "Code=a=b"], 1, 1),
        (["Code=насос", "Region=7"], 2, 1),
    ):
        asked = Asked(key=parse_key(words, table.key))
        found = look(empty_pipeline.settings, empty_pipeline.clients, asked, table=table)
        assert (found.place.offset, found.event_count) == (offset, count)
        assert [layer.name for layer in found.layers] == list(LAYERS[:-1])
        assert (found.layer("staging").state, found.exit_code) == (State.FOUND, 0)


def test_a_record_without_a_key_is_known_by_its_row_or_not_at_all(empty_pipeline, write):
    write(empty_pipeline, [(None, b'{"ID":5}', OLD, 0), (None, b'{"x":1}', OLD, 0)])
    empty_pipeline.seal(0, 2)
    empty_pipeline.load()
    assert at(empty_pipeline, 0).key == {"ID": "5"}
    assert of(empty_pipeline, 5).place.offset == 0
    assert at(empty_pipeline, 1).layer("key").state is State.NO_KEY


def test_trace_writes_nothing(pipeline, standing):
    counts = "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables"
    pipeline.execute("select pg_stat_force_next_flush()")
    before = pipeline.value(counts), pipeline.batches()
    of(pipeline, standing[0], scan=True)
    pipeline.execute("select pg_stat_force_next_flush()")
    assert (pipeline.value(counts), pipeline.batches()) == before
