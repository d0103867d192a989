"""Bronze and its quarantine: rows deleted, changed, doubled, added, moved."""

import pytest
from catalogue import Truth, a_person, fault
from facts import POISON

from bictl.errors import BictlError

BRONZE = "bronze.product_cdc"
REPLAY = "bictl load-bronze --table product --replay"
LOAD = "bictl load-bronze --table product"
EMBED = "bictl embed --table product"
ONE = "kafka_partition = 0 and kafka_offset = 7"


def delete(where):
    """The statement that takes rows away."""
    return f"delete from {BRONZE} where {where}"


@fault("one row is deleted", violates="B3", repair=[REPLAY])
def row_deleted(bed):
    assert bed.execute(delete(ONE)) == 1
    return Truth(state="fail", by=["B3"], ranges=[(0, 7, 8)])


@fault("rows here and there are deleted", violates="B3", repair=[REPLAY])
def rows_deleted(bed):
    assert bed.execute(delete("kafka_partition = 1 and kafka_offset in (0, 3, 4, 129)")) == 4
    spans = [(1, 0, 1), (1, 3, 5), (1, 129, 130)]
    return Truth(state="fail", by=["B3"], ranges=spans)


@fault("all rows of one object are deleted, the ledger keeps it", violates="B2 B3", repair=[REPLAY])
def rows_of_an_object_deleted(bed):
    assert bed.execute(delete("kafka_partition = 1 and kafka_offset between 45 and 89")) == 45
    return Truth(state="fail", by=["B3"], ranges=[(1, 45, 90)])


@fault("rows and ledger of one object are deleted", violates="B1", repair=[LOAD])
def rows_and_ledger_of_an_object_deleted(bed):
    key = bed.key(1, 45)
    assert bed.execute(f"{delete('batch_file = %s')}", key) == 45
    bed.execute("delete from bictl.object_ledger where object_key = %s", key)
    return Truth(state="fail", by=["B1"], ranges=[(1, 45, 90)])


@fault("bronze is truncated", violates="B3", repair=[REPLAY])
def bronze_truncated(bed):
    bed.execute(f"truncate {BRONZE}")
    ranges = [(0, 0, 60), (0, 61, 116), (1, 0, 130)]
    return Truth(state="fail", by=["B3"], ranges=ranges)


@fault(
    "the bronze table is dropped",
    violates="B3",
    repair=[REPLAY, "bictl transform --table product", EMBED],
)
def bronze_dropped(bed):
    bed.execute(f"drop table {BRONZE} cascade")
    return Truth(state="fail", by=["B3"], ranges=[(0, 0, 116), (1, 0, 130)])


def drop_constraint(bed):
    bed.execute(f"alter table {BRONZE} drop constraint product_cdc_offset_key")


def add_constraint(bed):
    """add the constraint again, as the hint says"""
    bed.execute(
        f"alter table {BRONZE} add constraint product_cdc_offset_key"
        " unique (kafka_topic, generation, kafka_partition, kafka_offset)"
    )


@fault("the unique constraint is dropped", violates="B4", repair=[add_constraint])
def constraint_dropped(bed):
    drop_constraint(bed)
    return Truth(state="fail", by=["B4"], said="no valid unique index on kafka_topic, generation")


@fault("the unique index lacks the generation", violates="B4, failures 9", repair=[add_constraint])
def constraint_without_generation(bed):
    drop_constraint(bed)
    bed.execute(
        f"create unique index narrow on {BRONZE} (kafka_topic, kafka_partition, kafka_offset)"
    )
    return Truth(state="fail", by=["B4"], said="no valid unique index on kafka_topic, generation")


def drop_invalid(bed):
    """drop the invalid index"""
    bed.execute("drop index bronze.invalid_key")


@fault("the unique index is invalid", violates="B4", repair=[drop_invalid, add_constraint])
def constraint_invalid(bed):
    drop_constraint(bed)
    bed.execute(f"insert into {BRONZE} {ROW.format('kafka_offset', ONE)}")
    with pytest.raises(BictlError):
        bed.database.autocommit(
            f"create unique index concurrently invalid_key on {BRONZE}"
            " (kafka_topic, generation, kafka_partition, kafka_offset)"
        )
    drop_copies(bed)
    return Truth(state="fail", by=["B4"], said="no valid unique index on kafka_topic, generation")


ROW = (
    "(kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, kafka_key,"
    " cdc_payload, schema_id, key_schema_id, ingested_at, batch_file)"
    " select kafka_topic, generation, kafka_partition, {}, kafka_timestamp, kafka_key,"
    " cdc_payload, schema_id, key_schema_id, ingested_at, batch_file"
    f" from {BRONZE} where {{}}"
)


def drop_copies(bed):
    """delete the copies"""
    bed.execute(
        f"delete from {BRONZE} a using {BRONZE} b where a.id > b.id and (a.generation,"
        " a.kafka_partition, a.kafka_offset) = (b.generation, b.kafka_partition, b.kafka_offset)"
    )


@fault(
    "the constraint is dropped and a row doubled",
    violates="B2 B4",
    repair=[drop_copies, add_constraint],
)
def row_doubled(bed):
    drop_constraint(bed)
    bed.execute(f"insert into {BRONZE} {ROW.format('kafka_offset', ONE)}")
    return Truth(state="fail", by=["B2"], ranges=[(0, 7, 8)])


@fault(
    "the constraint is dropped, a row doubled and another deleted",
    violates="B2 B3 B4",
    repair=[drop_copies, add_constraint, REPLAY],
)
def one_doubled_one_deleted(bed):
    drop_constraint(bed)
    bed.execute(f"insert into {BRONZE} {ROW.format('kafka_offset', ONE)}")
    bed.execute(delete("kafka_partition = 0 and kafka_offset = 8"))
    return Truth(state="fail", by=["B3"], ranges=[(0, 8, 9)])


@fault(
    "a row is added beyond the frontier",
    violates="B7",
    repair=[delete("kafka_offset = 9000")],
)
def row_added(bed):
    bed.execute(f"insert into {BRONZE} {ROW.format('9000', ONE)}")
    return Truth(state="fail", by=["B7"], ranges=[(0, 9000, 9001)])


@fault(
    "a row stands at another offset",
    violates="B3 B7",
    repair=[delete("kafka_offset = 9000"), REPLAY],
)
def row_at_another_offset(bed):
    assert bed.execute(f"update {BRONZE} set kafka_offset = 9000 where {ONE}") == 1
    return Truth(state="fail", by=["B3"], ranges=[(0, 7, 8)])


@fault(
    "a row stands in another partition",
    violates="B3 B7",
    repair=[delete("kafka_partition = 5"), REPLAY],
)
def row_in_another_partition(bed):
    assert bed.execute(f"update {BRONZE} set kafka_partition = 5 where {ONE}") == 1
    return Truth(state="fail", by=["B3"], ranges=[(0, 7, 8)])


@fault(
    "a row stands in another generation",
    violates="B3 B7",
    repair=[delete("generation = 'g0'"), REPLAY],
)
def row_of_another_generation(bed):
    assert bed.execute(f"update {BRONZE} set generation = 'g0' where {ONE}") == 1
    return Truth(state="fail", by=["B3"], ranges=[(0, 7, 8)])


@fault(
    "a row says that it is of another topic",
    violates="B3 B8",
    repair=[delete("kafka_topic = 'other'"), REPLAY],
)
def row_of_another_topic(bed):
    assert bed.execute(f"update {BRONZE} set kafka_topic = 'other' where {ONE}") == 1
    return Truth(state="fail", by=["B3"], ranges=[(0, 7, 8)])


@fault(
    "rows of another topic were added",
    violates="B8",
    repair=[delete("kafka_topic = 'other'")],
)
def rows_of_another_topic_added(bed):
    bed.execute(
        f"insert into {BRONZE} "
        + ROW.format("kafka_offset", ONE).replace("select kafka_topic", "select 'other'")
    )
    return Truth(state="warn", by=["B8"], keys=["other"])


def name_it(bed):
    bed.execute(f"update {BRONZE} set batch_file = %s where {ONE}", bed.key(0, 0))


@fault(
    "a row names another object as its origin",
    violates="B5",
    repair=[a_person("name the right object", name_it)],
)
def row_names_another_object(bed):
    key = bed.key(1, 0)
    assert bed.execute(f"update {BRONZE} set batch_file = %s where {ONE}", key) == 1
    return Truth(state="fail", by=["B5"], keys=[key])


@fault(
    "a row names an object that never was",
    violates="O3 B5",
    repair=[a_person("name the right object", name_it)],
)
def row_names_no_object(bed):
    key = bed.key(0, 0).replace("batch=0", "batch=1")
    assert bed.execute(f"update {BRONZE} set batch_file = %s where {ONE}", key) == 1
    return Truth(state="loss", by=["O3"], keys=[key])


EDITS = {
    "payload": (
        "a value within a row's payload",
        "cdc_payload = jsonb_set(cdc_payload, '{payload,ts_ms}', '1')",
    ),
    "before": (
        "an old image within a row",
        "cdc_payload = jsonb_set(cdc_payload, '{payload,source,snapshot}', '\"x\"')",
    ),
    "to_a_tombstone": ("a row's payload is NULL, as if it were a tombstone", "cdc_payload = null"),
    "key": ("a row's key", "kafka_key = jsonb_set(kafka_key, '{payload,ID}', '24')"),
    "timestamp": (
        "a row's timestamp, by a millisecond",
        "kafka_timestamp = kafka_timestamp + interval '1 ms'",
    ),
    "timezone": (
        "a row's timestamp, by a time zone",
        "kafka_timestamp = kafka_timestamp + interval '2 hours'",
    ),
    "schema": ("the schema that a row names", "schema_id = null"),
}


def reload_row(bed):
    """delete the edited row, as the objects are the truth"""
    bed.execute(delete(ONE))


def _edit(name, words, edit):
    def damage(bed):
        assert bed.execute(f"update {BRONZE} set {edit} where {ONE}") == 1
        return Truth(state="fail", by=["B10"], ranges=[(0, 7, 8)])

    damage.__name__ = f"row_edited_{name}"
    damage.__module__ = __name__
    said = words if "NULL" in words else f"{words} was edited"
    fault(said, violates="B8 (B10 here)", level="deep", repair=[reload_row, REPLAY])(damage)


for _name, (_words, _change) in EDITS.items():
    _edit(_name, _words, _change)


@fault(
    "two rows have changed places",
    violates="B8 (B10 here)",
    level="deep",
    repair=[
        delete("kafka_partition = 0 and kafka_offset in (7, 8)"),
        REPLAY,
        EMBED,
    ],
)
def rows_swapped(bed):
    bed.execute(
        f"update {BRONZE} a set cdc_payload = b.cdc_payload, kafka_key = b.kafka_key"
        f" from {BRONZE} b where a.kafka_partition = 0 and b.kafka_partition = 0"
        " and a.kafka_offset + b.kafka_offset = 15 and a.kafka_offset in (7, 8)"
    )
    return Truth(state="fail", by=["B10"], ranges=[(0, 7, 9)])


# Quarantine --------------------------------------------------------------------------------------


@fault("the quarantine is emptied", violates="B3 B6", repair=[REPLAY])
def quarantine_emptied(bed):
    assert bed.execute("delete from bronze.cdc_quarantine") == 1
    return Truth(state="fail", by=["B3"], ranges=[(POISON[0], POISON[1], POISON[1] + 1)])


def retry(bed):
    """load it again from its object"""
    bed.execute("delete from bronze.cdc_quarantine where sqlstate = '22P05'")
    bed.bictl("load-bronze", "--table", "product", "--replay")


@fault(
    "a record is in quarantine for a reason that nobody acknowledged",
    violates="B6, failures 13-18",
    repair=[
        "bictl quarantine list --table product",
        retry,
    ],
)
def row_in_quarantine(bed):
    bed.execute(
        f"""with moved as (delete from {BRONZE} where {ONE} returning *)
        insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition, kafka_offset,
            kafka_timestamp, sqlstate, reason, batch_file)
        select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, '22P05',
            'unsupported Unicode escape sequence', batch_file
        from moved"""
    )
    return Truth(state="fail", by=["B6"], keys=["22P05"], said="1 record quarantined: 1 × 22P05")


@fault(
    "a record stands in bronze and in quarantine",
    violates="B2",
    repair=["delete from bronze.cdc_quarantine where kafka_offset = 7"],
)
def row_in_both(bed):
    bed.execute(
        f"""insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, sqlstate, reason, batch_file)
        select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, '22P02',
            'x', batch_file from {BRONZE} where {ONE}"""
    )
    return Truth(state="fail", by=["B2"], ranges=[(0, 7, 8)])


@fault(
    "the bytes of a quarantined record are other ones",
    violates="B8 (B10 here)",
    level="deep",
    repair=["delete from bronze.cdc_quarantine", REPLAY],
)
def quarantine_edited(bed):
    assert bed.execute("update bronze.cdc_quarantine set raw_value = 'x'") == 1
    return Truth(state="fail", by=["B10"], ranges=[(POISON[0], POISON[1], POISON[1] + 1)])


# What rows refer to -------------------------------------------------------------------------------


@fault(
    "an interned schema was edited",
    violates="B8 (B10 here)",
    level="deep",
    repair=["update bronze.cdc_schema set schema = schema - 'edited'"],
)
def schema_edited(bed):
    bed.execute(
        "update bronze.cdc_schema set schema = schema || '{\"edited\": true}'"
        " where schema::text like '%Envelope%'"
    )
    return Truth(state="fail", by=["B10"], ranges=enveloped(bed))


def enveloped(bed):
    """Where the records with an envelope stand: those that are no tombstones."""
    return spans(one for one in bed.facts.records.values() if one.event is not None)


@fault(
    "the decoders' digest of a schema was edited: prices have another scale",
    violates="B13",
    repair=[a_person("put the scale back", lambda bed: set_scale(bed, "4"))],
)
def schema_fields_edited(bed):
    set_scale(bed, "3")
    return Truth(state="fail", by=["B13"], ranges=enveloped(bed))


def set_scale(bed, scale):
    """put the scale back"""
    bed.execute(
        "update bronze.cdc_schema set fields = jsonb_set(fields, '{Price,scale}', %s::jsonb)"
        " where fields ? 'Price'",
        scale,
    )


def restore_schemas(bed):
    """restore the schemas from a backup"""
    bed.execute(
        "insert into bronze.cdc_schema overriding system value select * from public.kept"
        " on conflict do nothing"
    )


@fault("an interned schema was deleted", violates="B13", repair=[restore_schemas])
def schema_deleted(bed):
    bed.execute("create table public.kept as select * from bronze.cdc_schema")
    bed.execute("delete from bronze.cdc_schema where schema::text like '%Envelope%'")
    return Truth(state="fail", by=["B13"], ranges=enveloped(bed))


@fault(
    "the generation's number was edited",
    violates="B14",
    repair=["update bronze.cdc_generation set generation_no = 0"],
)
def generation_number_edited(bed):
    assert bed.execute("update bronze.cdc_generation set generation_no = 5") == 1
    return Truth(state="fail", by=["B14"], keys=[bed.life])


@fault(
    "the order of the generations was deleted",
    violates="B14",
    repair=[REPLAY],
    by_hand="which record is the newest depends on it: a person says whether an object is wrong",
)
def generation_deleted(bed):
    assert bed.execute("delete from bronze.cdc_generation") == 1
    return Truth(state="fail", by=["B14"], keys=[bed.life])


@fault(
    "a set of pruned offsets was invented to hide a deleted row",
    violates="B11",
    repair=["delete from bictl.pruned_range", REPLAY],
)
def prune_forged(bed):
    last = bed.facts.newest[24]
    p, o = last.partition, last.offset
    assert bed.execute(delete(f"kafka_partition = {p} and kafka_offset = {o}")) == 1
    bed.execute(
        """insert into bictl.pruned_range (kafka_topic, generation, kafka_partition, first_offset,
            next_offset, n_rows, offsets, cut_offset, verified_run, reason, run)
        values (%s, %s, %s, %s, %s, 1, int8multirange(int8range(%s, %s)), 1000,
            gen_random_uuid(), 'x', 'x')""",
        bed.table.topic,
        bed.life,
        p,
        o,
        o + 1,
        o,
        o + 1,
    )
    return Truth(state="fail", by=["B11"], ranges=[(p, o, o + 1)])


def spans(records):
    """Runs of neighbouring offsets."""
    found = []
    for partition, offset in sorted((one.partition, one.offset) for one in records):
        if found and found[-1][0] == partition and found[-1][2] == offset:
            found[-1] = (partition, found[-1][1], offset + 1)
        else:
            found.append((partition, offset, offset + 1))
    return found
