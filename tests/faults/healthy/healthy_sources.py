"""What a source and its topic may legally do."""

import dataclasses
import json

from hostile import HELD
from pipelines import OLD, records_of
from scenes import Scene, envelope, now_ms
from variations import Variations

found = Variations([])
legal = found.legal


# Little or nothing --------------------------------------------------------------------------------


@legal("empty")
def some_partitions_are_empty(scene: Scene) -> None:
    scene.partitions = scene.chance.randint(3, 6)
    scene.create()
    homes = scene.chance.sample(range(scene.partitions), 2)
    for number in range(scene.chance.randint(1, 30)):
        scene.send(scene.change(number, "c", partition=scene.chance.choice(homes)))
    scene.settle()


def may_be_empty(scene: Scene) -> None:
    """`expect_empty = true` in the table's configuration."""
    table = dataclasses.replace(scene.pipeline.table, expect_empty=True)
    scene.pipeline.settings.tables["product"] = table


@legal("empty")
def a_table_that_is_meant_to_be_empty(scene: Scene) -> None:
    may_be_empty(scene)
    scene.create(scene.chance.randint(1, 3))
    scene.settle()


@legal("empty")
def tombstones_only(scene: Scene) -> None:
    scene.create()
    at = scene.chance.choice([OLD, now_ms()])
    count = scene.chance.randint(1, 20)
    scene.send((b'{"ID":%d}' % n, None, at, n % scene.partitions) for n in range(count))
    scene.settle()


@legal("empty")
def every_row_was_deleted(scene: Scene) -> None:
    may_be_empty(scene)  # else embed asks whether that is meant
    scene.live(scene.chance.randint(5, 40))
    for number in list(scene.rows):
        scene.send(scene.change(number, "d"))
        if scene.chance.random() < 0.3:
            scene.settle()
    scene.settle()


@legal("empty")
def one_record(scene: Scene) -> None:
    scene.create(1)
    scene.send(scene.change(scene.chance.choice([0, -7, 2**31 - 1]), "c"))
    scene.settle()


# Keys ---------------------------------------------------------------------------------------------


@legal("keys")
def deletes_and_inserts_again(scene: Scene) -> None:
    scene.create()
    for _ in range(scene.chance.randint(10, 60)):
        number = scene.chance.randrange(4)
        scene.send(scene.change(number, "d" if number in scene.rows else "c"))
    scene.settle()


@legal("keys")
def primary_keys_are_updated(scene: Scene) -> None:
    """As the connector writes it: the deletion, its tombstone and the insert have one position."""
    scene.live(30)
    for new in range(100, 100 + scene.chance.randint(1, 8)):
        old = scene.chance.choice(sorted(scene.rows))
        name, home = scene.rows[old], scene.homes[old]
        gone = scene.change(old, "d")
        scene.lsn -= 1
        scene.send([*gone, *scene.change(new, "c", name=name, partition=home)])
        if scene.chance.random() < 0.5:
            scene.settle()
    scene.settle()


@legal("keys", times=6)
def keys_move_between_partitions(scene: Scene) -> None:
    scene.create(3)
    scene.send(scene.traffic(30, keys=12))
    for _ in range(20):
        number = scene.chance.randrange(12)
        op = scene.chance.choice("ud") if number in scene.rows else "c"
        moved = scene.change(number, op, partition=scene.chance.randrange(3), at=OLD + scene.lsn)
        scene.send(moved)
    scene.settle()


@legal("keys")
def records_have_no_key(scene: Scene) -> None:
    """A topic without keys: the row itself says whose it is. No tombstone may be there."""
    scene.live(20)
    for number in range(50, 50 + scene.chance.randint(1, 12)):
        for op in scene.chance.choice(["c", "cu", "cd", "cuu"]):
            _, value, at, home = scene.change(number, op)[0]
            scene.send([(None, value, at, home)])
    scene.settle()


@legal("keys")
def the_source_s_key_has_another_column(scene: Scene) -> None:
    """A column joined the source's key: what came before has keys without it."""
    scene.live(30)
    for _ in range(scene.chance.randint(5, 25)):
        number = scene.chance.randrange(40)
        op = scene.chance.choice("ud") if number in scene.rows else "c"
        key = b'{"ID":%d,"Tenant":1}' % number
        scene.send([(key, *rest) for _, *rest in scene.change(number, op)])
    scene.settle()


# Values -------------------------------------------------------------------------------------------

NAMES = (
    "Ґрунтовка «Оптима» 5 л",
    "قهوة عربية",
    "👩‍👩‍👧‍👦 set of four",
    "line separator \u2028 next \u2029 line \x85 feed",
    'tab\tnew line\nreturn\r quote" back\\slash',
    "e\u0301 beside \u00e9",
    "\ufeffmarked",
    " spaces around ",
    "0.10000000000000000000001",
    "null",
)


@legal("values", times=6)
def names_in_every_script(scene: Scene) -> None:
    scene.create()
    for number in range(30):
        scene.send(scene.change(number, "c", name=scene.chance.choice(NAMES)))
    scene.settle()


@legal("values")
def huge_values(scene: Scene) -> None:
    scene.create()
    for number in range(4):
        size = scene.chance.choice([100_000, 1_000_000, 3_000_000])
        scene.send(scene.change(number, "c", Description="word " * (size // 5)))
    scene.send(scene.traffic(20))
    scene.settle()


@legal("values")
def deep_values(scene: Scene) -> None:
    scene.create()
    nested: object = 1
    for _ in range(scene.chance.choice([50, 300])):
        nested = scene.chance.choice([[nested], {"a": nested}])
    for number in range(5):
        scene.send(scene.change(number, "c", Extra=nested))
    scene.settle()


@legal("values")
def rows_without_text(scene: Scene) -> None:
    scene.create()
    for number in range(20):
        empty = scene.chance.choice([None, "", "   "])
        bare = {"name": empty, "VendorCode": None, "Description": scene.chance.choice([None, " "])}
        scene.send(scene.change(number, "c", **(bare if scene.chance.random() < 0.6 else {})))
    scene.settle()


@legal("values")
def records_that_are_no_envelopes_stand_in_bronze(scene: Scene) -> None:
    """Whatever is JSON is held exactly; here under keys that nobody else has."""
    scene.live(20)
    names = scene.chance.sample(sorted(HELD), 6)
    plain = [HELD[name] for name in names if HELD[name].key == b'{"ID":-1}']
    scene.send((b'{"ID":-1}', one.value, OLD, 0) for one in plain)
    scene.send([(b'{"ID":-1}', None, OLD, 0)])
    scene.settle()


@legal("columns")
def a_column_is_added(scene: Scene) -> None:
    scene.live(20)
    for number in range(60, 60 + scene.chance.randint(2, 20)):
        scene.send(scene.change(number, "c", Colour=scene.chance.choice(["red", None])))
    scene.settle()


@legal("columns")
def a_column_is_added_with_a_schema(scene: Scene) -> None:
    """Wrapped records, whose schema has one column more from some record on."""
    scene.create()
    scene.is_others = True
    changed = scene.chance.randint(20, 150)
    samples = records_of(scene.samples("product_schema"))
    for place, (key, value, _, at, partition) in enumerate(samples):
        is_wider = place >= changed and value is not None
        scene.send([(key, _with_column(value) if is_wider else value, at, partition)])
    scene.settle()


@legal("columns")
def records_with_and_without_schemas(scene: Scene) -> None:
    scene.create()
    scene.is_others = True
    wrapped = list(
        records_of(scene.samples("product_schema"), one_in=scene.chance.choice([15, 25]))
    )
    scene.send((key, value, at, partition) for key, value, _, at, partition in wrapped)
    scene.send(scene.traffic(30, keys=10_000))
    scene.settle()


def _with_column(value: bytes) -> bytes:
    event = json.loads(value)
    for field in event["schema"]["fields"]:
        if field["field"] in ("before", "after"):
            field["fields"].append({"type": "string", "optional": True, "field": "Colour"})
    for side in ("before", "after"):
        if event["payload"][side]:
            event["payload"][side]["Colour"] = "red"
    return json.dumps(event).encode()


# Snapshots ----------------------------------------------------------------------------------------


def snapshot(scene: Scene, *, ends: bool = True, at: int = OLD, partition: int = 0) -> None:
    """A snapshot of what the source holds: its rows have one position."""
    rows = sorted(scene.rows.items())
    written = []
    lsn = scene.lsn + 1
    for place, (number, name) in enumerate(rows):
        marker = "first" if place == 0 else "last" if ends and place == len(rows) - 1 else "true"
        row = {"ID": number, "Name": name, "VendorCode": f"V-{number}", "Description": None}
        event = envelope(row, "r", lsn=lsn, snapshot=marker)
        written.append((b'{"ID":%d}' % number, event, at, partition))
        scene.homes[number] = partition
    scene.lsn = lsn
    scene.send(written)


@legal("snapshots")
def it_begins_with_a_snapshot(scene: Scene) -> None:
    scene.create()
    scene.rows = dict.fromkeys(range(scene.chance.randint(2, 30)), "thing")
    snapshot(scene)
    scene.send(scene.traffic(30))
    scene.settle()


@legal("snapshots", times=6)
def a_second_snapshot_closes_what_was_deleted_unseen(scene: Scene) -> None:
    """The connector was away: rows went in the meantime, and no event says so."""
    scene.create(1)
    scene.send(scene.traffic(40))
    for number in scene.chance.sample(sorted(scene.rows), len(scene.rows) // 3):
        del scene.rows[number]
    snapshot(scene)
    scene.send(scene.traffic(scene.chance.randint(0, 20)))
    scene.settle()


@legal("snapshots")
def a_second_snapshot_is_under_way(scene: Scene) -> None:
    scene.create(1)
    scene.send(scene.traffic(40))
    snapshot(scene, ends=False, at=now_ms())
    scene.settle()


# Clocks -------------------------------------------------------------------------------------------


@legal("clocks", times=6)
def producers_whose_clocks_are_off_by_minutes(scene: Scene) -> None:
    scene.create()
    for _ in range(10):
        off = scene.chance.randint(-4, 4) * 60_000
        scene.send(scene.traffic(4, at=now_ms() + off))
    scene.seconds_ahead = scene.chance.choice([-240, -60, 60, 240])
    scene.settle()


@legal("clocks")
def timestamps_that_go_back(scene: Scene) -> None:
    scene.create()
    for _ in range(20):
        scene.send(scene.traffic(2, at=OLD - scene.chance.randint(0, 10**10)))
    scene.settle()


@legal("clocks")
def a_producer_a_day_ahead(scene: Scene) -> None:
    scene.create()
    scene.send(scene.traffic(10, at=now_ms() + 86_400_000))
    scene.send(scene.traffic(10))
    scene.settle()


# In flight ----------------------------------------------------------------------------------------


@legal("in flight")
def young_records_are_not_ingested(scene: Scene) -> None:
    scene.live(30)
    scene.send(scene.traffic(scene.chance.randint(1, 20), at=None))
    scene.in_flight = True


@legal("in flight")
def young_objects_are_not_loaded(scene: Scene) -> None:
    scene.live(30)
    scene.send(scene.traffic(scene.chance.randint(1, 20), at=None))
    scene.ingest()
    scene.in_flight = True


@legal("in flight")
def young_rows_are_not_embedded(scene: Scene) -> None:
    scene.live(30)
    for number in range(70, 70 + scene.chance.randint(1, 9)):
        scene.send(scene.change(number, "c", at=now_ms()))
    scene.ingest()
    scene.load()
    scene.in_flight = True
