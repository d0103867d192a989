"""What bictl writes down about itself, and about what a person said."""

import json

from catalogue import Truth, a_person, fault
from faults_of_objects import FILL, MIDDLE

LOAD = "bictl load-bronze --table product"
INGEST = "bictl ingest --table product"
VERSION = "bictl.schema_version"
LEDGER = "bictl.object_ledger"


def restore_ledger(bed):
    """restore the ledger from a backup"""
    bed.execute(f"delete from {LEDGER}")
    bed.execute(f"insert into {LEDGER} select * from public.kept")


def keep(bed):
    bed.execute(f"create table public.kept as select * from {LEDGER}")


@fault("the ledger has forgotten an object", violates="M2", repair=[LOAD])
def ledger_row_deleted(bed):
    key = bed.key(*MIDDLE[:2])
    assert bed.execute(f"delete from {LEDGER} where object_key = %s", key) == 1
    return Truth(state="warn", by=["M2"], keys=[key])


@fault("the ledger has another sha256 of an object", violates="O4", repair=[restore_ledger])
def ledger_digest_edited(bed):
    keep(bed)
    key = bed.key(*MIDDLE[:2])
    bed.execute(f"update {LEDGER} set sha256 = %s where object_key = %s", "0" * 64, key)
    return Truth(state="loss", by=["O4"], keys=[key])


@fault("the ledger knows an object that never was", violates="O3", repair=[restore_ledger])
def ledger_row_invented(bed):
    keep(bed)
    key = bed.key(*MIDDLE[:2]).replace("batch=0", "batch=1")
    bed.execute(
        f"""insert into {LEDGER} select (jsonb_populate_record(k, jsonb_build_object(
            'object_key', %s::text, 'first_offset', 1000, 'next_offset', 1045))).*
        from public.kept k where object_key = %s""",
        key,
        bed.key(*MIDDLE[:2]),
    )
    return Truth(state="loss", by=["O3"], keys=[key])


def _count(name, words, edit):
    def damage(bed):
        keep(bed)
        key = bed.key(*MIDDLE[:2])
        assert bed.execute(f"update {LEDGER} set {edit} where object_key = %s", key) == 1
        return Truth(state="warn", by=["M2"], keys=[key])

    damage.__name__ = f"ledger_{name}_edited"
    damage.__module__ = __name__
    fault(f"the ledger has {words}", violates="B2 (ledger)", repair=[restore_ledger])(damage)


_count("records", "another count of records", "n_records = n_records - 1, n_loaded = n_loaded - 1")
_count(
    "range",
    "another range of an object",
    "first_offset = first_offset + 1, next_offset = next_offset + 1",
)


@fault(
    "the ledger of objects is dropped",
    violates="M1 B1",
    repair=["alter table bictl.dropped rename to object_ledger"],
)
def ledger_dropped(bed):
    bed.execute(f"alter table {LEDGER} rename to dropped")
    return Truth(state="fail", by=["B1"], ranges=[(0, 0, 116), (1, 0, 130)])


@fault(
    "a loader met two records at one offset",
    violates="B9",
    repair=["delete from bictl.offset_conflict"],
)
def conflict_recorded(bed):
    bed.execute(
        """insert into bictl.offset_conflict (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, batch_file, batch_sha256, standing_file)
        values (%s, %s, 0, 7, now(), 'b', 'x', 'a')""",
        bed.table.topic,
        bed.life,
    )
    return Truth(state="loss", by=["B9"], ranges=[(0, 7, 8)])


@fault(
    "bictl's tables are of another version",
    violates="M1",
    repair=["delete from bictl.schema_version where version = 9999"],
)
def another_version(bed):
    bed.execute("insert into bictl.schema_version (version, name, sha256) values (9999, 'x', 'x')")
    return Truth(state="fail", by=["M1"], said="9999")


@fault(
    "a migration was changed after it was applied",
    violates="M1",
    repair=["update bictl.schema_version set sha256 = kept from public.kept where version = n"],
)
def migration_changed(bed):
    bed.execute(f"create table public.kept as select version n, sha256 kept from {VERSION}")
    bed.execute("update bictl.schema_version set sha256 = repeat('0', 64) where version = 1")
    return Truth(state="fail", by=["M1"])


# Frontier objects --------------------------------------------------------------------------------


def frontier(bed):
    """The frontier object of partition 1."""
    (key,) = [key for key in bed.listed("_bictl/") if key.endswith("/partition=00001.json")]
    return key


def write_anew(bed):
    """delete it"""
    bed.remove(frontier(bed))


@fault("a frontier object was edited", violates="O7", repair=[write_anew, INGEST])
def frontier_edited(bed):
    key = frontier(bed)
    body, metadata = bed.get(key)
    bed.write(key, body.replace(b'"baseline": 0', b'"baseline": 1'), metadata)
    return Truth(state="warn", by=["O7"], keys=[key])


@fault("a frontier object is no JSON", violates="O7", repair=[write_anew, INGEST])
def frontier_garbled(bed):
    key = frontier(bed)
    bed.write(key, b"{", {})
    return Truth(state="warn", by=["O7"], keys=[key])


@fault("a frontier object says another partition's", violates="O7", repair=[write_anew, INGEST])
def frontier_of_another_partition(bed):
    key = frontier(bed)
    bed.write(key, *bed.get(key.replace("=00001", "=00000")))
    return Truth(state="warn", by=["O7"], keys=[key])


@fault("a frontier object was removed", violates="O7", repair=[INGEST])
def frontier_removed(bed):
    key = frontier(bed)
    bed.remove(key)
    return Truth(state="warn", by=["O7"], keys=[key])


@fault("a frontier object and the newest batch were removed together", violates="O3", repair=[FILL])
def frontier_and_newest_removed(bed):
    key = bed.key(1, 90)
    bed.remove(frontier(bed), key)
    return Truth(state="loss", by=["K5", "O3"], ranges=[(1, 90, 130)])


@fault(
    "a frontier object and the first batch were removed together",
    violates="K11 O3",
    repair=[FILL],
)
def frontier_and_first_removed(bed):
    bed.remove(frontier(bed), bed.key(1, 0))
    return Truth(state="loss", by=["K11"], ranges=[(1, 0, 45)])


@fault(
    "a forged frontier lies beyond the topic's end", violates="K2 O2", repair=[write_anew, INGEST]
)
def frontier_forged(bed):
    import hashlib

    key = frontier(bed)
    document = json.loads(bed.get(key)[0])
    del document["sha256"]
    document["newest"] |= {"bictl-first": "130", "bictl-next": "175"}
    document["newest"] |= {"bictl-records": "45", "bictl-tombstones": "0"}
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    bed.write(key, json.dumps({**document, "sha256": digest}).encode(), {})
    return Truth(state="loss", by=["K2", "O2"], ranges=[(1, 130, 175)])


# Acknowledgements --------------------------------------------------------------------------------


def forge_ack(bed, first, after, partition=0):
    """An acknowledgement that `bictl ack` would have refused."""
    document = {
        "format": "bictl.ack/1",
        "kind": "range",
        "generation": bed.life,
        "reason": "expired",
        "person": "ann",
        "at": "2026-01-01T00:00:00Z",
        "partition": partition,
        "first": first,
        "next": after,
        "sqlstate": None,
        "expires": None,
    }
    key = (
        f"_bictl/product/raw/ack/generation={bed.life}/partition={partition:05d}/"
        f"{first:020d}-{after:020d}.json"
    )
    bed.write(key, json.dumps(document).encode(), {})
    return key


def remove_acks(bed):
    """delete the forged acknowledgement"""
    bed.remove(*[key for key in bed.listed("_bictl/product/raw/ack/") if "/partition=" in key])


@fault(
    "an object is deleted and its range acknowledged as lost, by a forged object",
    violates="K12 O2, issue",
    repair=[remove_acks, FILL],
)
def loss_acknowledged_by_forgery(bed):
    bed.remove(bed.key(*MIDDLE[:2]))
    forge_ack(bed, *MIDDLE[1:])
    return Truth(state="loss", by=["O2"], ranges=[MIDDLE])


@fault("a forged acknowledgement covers what Kafka serves", violates="K12", repair=[remove_acks])
def acknowledgement_forged(bed):
    forge_ack(bed, 0, 30)
    return Truth(state="warn", by=["K12"], ranges=[(0, 0, 30)])


@fault("a forged acknowledgement covers what will come", violates="K12", repair=[remove_acks])
def acknowledgement_ahead(bed):
    forge_ack(bed, 116, 1000)
    return Truth(state="warn", by=["K12"], ranges=[(0, 116, 1000)])


def acknowledge(bed):
    words = ("ack", "--table", "product", "--quarantine", "22P02", "--reason", "again")
    assert bed.bictl(*words).exit_code == 0


@fault(
    "the acknowledgement of the quarantine was removed",
    violates="B6",
    repair=[a_person("bictl ack --quarantine 22P02 by a person", acknowledge)],
)
def acknowledgement_removed(bed):
    bed.remove(*bed.listed("_bictl/product/raw/ack/"))
    return Truth(state="fail", by=["B6"], keys=["22P02"])


@fault(
    "the acknowledgement of the quarantine has expired",
    violates="B6",
    repair=[a_person("bictl ack --quarantine 22P02 by a person", acknowledge)],
)
def acknowledgement_expired(bed):
    (key,) = bed.listed("_bictl/product/raw/ack/")
    document = json.loads(bed.get(key)[0])
    bed.remove(key)
    body = json.dumps(document | {"expires": "2026-01-01"}).encode()
    bed.write(key.replace("never", "2026-01-01"), body, {})
    return Truth(state="fail", by=["B6"], keys=["22P02"])
