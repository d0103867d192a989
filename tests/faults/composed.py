"""Faults composed by chance: primitive damages at one layer, at two, at all of them, so that they
partly hide each other. Each is done to the systems and to the model alike.
"""

import dataclasses
import gzip
import hashlib
import random
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from model import Entry, Made, Model, Object, Place, Row
from pipelines import Pipeline
from scenes import BRONZE, STAGING, VECTORS

from bictl.ingest import frontier_prefix, quarantine_ack, range_ack, write_ack
from bictl.records import Range

FROZEN = "public.frozen"


@dataclass
class Damaged:
    """A pipeline and its model, and the words for what was done to both."""

    pipeline: Pipeline
    model: Model
    chance: random.Random
    embed: Callable[[], None]
    done: list[str] = field(default_factory=list)

    def told(self, words: str) -> None:
        """Keeps what was done."""
        self.done.append(words)

    # Objects -------------------------------------------------------------------------------------

    def delete_object(self, key: str) -> None:
        self.pipeline.objects.delete(key)
        del self.model.objects[key]
        self.told(f"object deleted: {key[-20:]}")

    def cut_object(self, key: str) -> None:
        body, metadata = self.pipeline.objects.get(key)
        size = self.chance.randrange(1, len(body))
        self.pipeline.put(key, body[:size], metadata)
        self.model.objects[key].sound = False
        self.told(f"object cut off: {key[-20:]}")

    def strip_manifest(self, key: str) -> None:
        body, _ = self.pipeline.objects.get(key)
        self.pipeline.put(key, body, {})
        one = self.model.objects[key]
        one.sound = one.legible = False
        self.told(f"manifest gone: {key[-20:]}")

    def put_another_object(self, key: str) -> None:
        others = [other for other in self.model.objects if other != key]
        other = self.chance.choice(others)
        self.pipeline.put(key, *self.pipeline.objects.get(other))
        from_ = self.model.objects[other]
        one = self.model.objects[key]
        one.sound = False  # its manifest says another place
        one.legible = from_.legible
        one.seal = from_.seal
        one.says = from_.says or (from_.partition, from_.first, from_.after)
        self.told(f"object replaced by another: {key[-20:]}")

    def reseal(self, key: str, lines: dict[int, Made], bytes_: dict[int, bytes]) -> None:
        """Writes the object anew with these lines, and a manifest that fits them."""
        one = self.model.objects[key]
        manifest = self.pipeline.manifest(key)
        text = b"".join(bytes_[at] for at in sorted(lines))
        body = gzip.compress(text, self.chance.choice([1, 6, 9]), mtime=self.chance.randrange(9**9))
        times = [int(re.search(rb'"timestamp":(-?\d+)', bytes_[at])[1]) for at in lines]
        forged = dataclasses.replace(
            manifest,
            records=len(lines),
            min_timestamp=min(times, default=None),
            max_timestamp=max(times, default=None),
            tombstones=sum(line.op == "" for line in lines.values()),
            sha256=hashlib.sha256(body).hexdigest(),
        )
        self.pipeline.put(key, body, forged.to_metadata())
        one.lines, one.seal = lines, forged.sha256

    def lines(self, key: str) -> dict[int, bytes]:
        """An object's lines, by their offsets."""
        text = gzip.decompress(self.pipeline.objects.get(key)[0])
        found = text.split(b"\n")[:-1]
        return {int(re.search(rb'"offset":(\d+)', line)[1]): line + b"\n" for line in found}

    def drop_lines(self, key: str, offsets: set[int]) -> None:
        bytes_, one = self.lines(key), self.model.objects[key]
        left = {at: line for at, line in one.lines.items() if at not in offsets}
        self.reseal(key, left, bytes_)
        self.told(f"lines {sorted(offsets)} taken from {key[-20:]}, sealed anew")

    def alter_lines(self, key: str, offsets: set[int]) -> None:
        bytes_, one = self.lines(key), self.model.objects[key]
        lines = dict(one.lines)
        for at in offsets & lines.keys():
            if lines[at].name is None:
                continue
            name = f"forged {self.chance.randrange(10**6)}"
            bytes_[at], changed = re.subn(
                rb'"Name": "[^"]*"', b'"Name": "%b"' % name.encode(), bytes_[at]
            )
            assert changed == 1, bytes_[at]
            lines[at] = dataclasses.replace(lines[at], name=name)
        self.reseal(key, lines, bytes_)
        self.told(f"lines {sorted(offsets)} altered in {key[-20:]}, sealed anew")

    def recompress(self, key: str) -> None:
        self.reseal(key, dict(self.model.objects[key].lines), self.lines(key))
        self.told(f"object packed anew: {key[-20:]}")

    def overlap(self, key: str, *, differs: bool) -> None:
        """A second object for the end of a batch, with the same records or with others."""
        one = self.model.objects[key]
        first = (
            self.chance.randrange(one.first + 1, one.after) if one.after > one.first + 1 else None
        )
        tail = {at: line for at, line in one.lines.items() if first is not None and at >= first}
        manifest = self.pipeline.manifest(key)
        if not tail or first is None:
            return
        other = dataclasses.replace(manifest, first=first).name.key(self.pipeline.table.prefix)
        if other in self.model.objects:
            return
        bytes_ = self.lines(key)
        text = b"".join(bytes_[at] for at in sorted(tail))
        body = gzip.compress(text, 1, mtime=0)
        forged = dataclasses.replace(
            manifest,
            first=first,
            records=len(tail),
            tombstones=sum(line.op == "" for line in tail.values()),
            sha256=hashlib.sha256(body).hexdigest(),
        )
        self.pipeline.put(other, body, forged.to_metadata())
        self.model.objects[other] = Object(one.partition, first, one.after, tail, forged.sha256)
        self.told(f"a second object from {first} on beside {key[-20:]}")
        if differs:
            self.alter_lines(other, {self.chance.choice(sorted(tail))})

    def drop_frontier(self) -> None:
        prefix = frontier_prefix(self.pipeline.table.prefix)
        for info in list(self.pipeline.objects.list(prefix)):
            self.pipeline.objects.delete(info.key)
        self.told("frontier objects deleted")

    def foreign_object(self) -> None:
        name = f"{self.pipeline.table.prefix}{secrets.token_hex(4)}.txt"
        self.pipeline.objects.put_new(name, b"hello", metadata={})
        self.told("a foreign object")

    def acknowledge(self, partition: int, first: int, after: int) -> None:
        """By hand: `bictl ack` would refuse, since Kafka still serves it."""
        lost = Range(partition, first, after)
        ack = range_ack(lost, generation=self.pipeline.generation(), reason="x", person="ann")
        write_ack(self.pipeline.objects, self.pipeline.table.prefix, ack)
        self.told(f"{lost} acknowledged by hand")

    # The ledger ----------------------------------------------------------------------------------

    def forget(self, key: str) -> None:
        self.pipeline.execute("delete from bictl.object_ledger where object_key = %s", key)
        self.model.ledger.pop(key, None)
        self.told(f"ledger row deleted: {key[-20:]}")

    def lie(self, key: str) -> None:
        """Its counts are lowered, all of them, so that they fit each other."""
        self.pipeline.execute(
            """update bictl.object_ledger set n_records = greatest(n_records - 1, 0),
                n_loaded = greatest(n_records - 1, 0), n_quarantined = 0, n_duplicate = 0,
                n_conflict = 0, n_tombstones = 0 where object_key = %s""",
            key,
        )
        self.told(f"ledger's counts lowered: {key[-20:]}")

    def seal_in_ledger(self, key: str) -> None:
        if key in self.model.objects and key in self.model.ledger:
            one = self.model.objects[key]
            self.pipeline.execute(
                "update bictl.object_ledger set sha256 = %s where object_key = %s", one.seal, key
            )
            self.model.ledger[key].seals = {one.seal}
            self.told(f"ledger says the new content: {key[-20:]}")

    # Bronze --------------------------------------------------------------------------------------

    def delete_rows(self, places: set[Place]) -> None:
        for partition, offset in sorted(places):
            self.pipeline.execute(
                f"delete from {BRONZE} where kafka_partition = %s and kafka_offset = %s",
                partition,
                offset,
            )
        self.model.rows = [
            row for row in self.model.rows if (row.partition, row.offset) not in places
        ]
        self.told(f"rows deleted: {sorted(places)}")

    def alter_rows(self, places: set[Place]) -> None:
        done = set()
        for row in self.model.rows:
            place = (row.partition, row.offset)
            if place in places and row.made.op not in ("", "d"):
                name = f"altered {self.chance.randrange(10**6)}"
                self.pipeline.execute(
                    f"""update {BRONZE}
                    set cdc_payload = jsonb_set(cdc_payload, '{{after,Name}}', to_jsonb(%s::text))
                    where kafka_partition = %s and kafka_offset = %s""",
                    name,
                    *place,
                )
                row.made = dataclasses.replace(row.made, name=name)
                done.add(place)
        self.told(f"rows altered: {sorted(done)}")

    def move_row(self, place: Place) -> None:
        """To an offset behind the end."""
        rows = [row for row in self.model.rows if (row.partition, row.offset) == place]
        if len(rows) == 1:
            to = 9000 + self.chance.randrange(900)
            self.pipeline.execute(
                f"""update {BRONZE} set kafka_offset = %s
                where kafka_partition = %s and kafka_offset = %s""",
                to,
                *place,
            )
            rows[0].offset = to
            self.told(f"row moved: {place} to {to}")

    def stray_row(self, place: Place) -> None:
        """To another life of the topic, that nobody knows."""
        rows = [row for row in self.model.rows if (row.partition, row.offset) == place]
        if len(rows) == 1 and not rows[0].stray:
            self.pipeline.execute(
                f"""update {BRONZE} set generation = 'x'
                where kafka_partition = %s and kafka_offset = %s""",
                *place,
            )
            rows[0].stray = True
            self.told(f"row of another life: {place}")

    def double_row(self, place: Place) -> None:
        rows = [row for row in self.model.rows if (row.partition, row.offset) == place]
        if len(rows) == 1:
            self.drop_unique()
            self.pipeline.execute(
                f"""insert into {BRONZE} (kafka_topic, generation, kafka_partition, kafka_offset,
                    kafka_timestamp, kafka_key, cdc_payload, schema_id, key_schema_id, ingested_at,
                    batch_file)
                select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
                    kafka_key, cdc_payload, schema_id, key_schema_id, ingested_at, batch_file
                from {BRONZE} where kafka_partition = %s and kafka_offset = %s""",
                *place,
            )
            self.model.rows.append(dataclasses.replace(rows[0]))
            self.told(f"row doubled: {place}")

    def drop_unique(self) -> None:
        self.pipeline.execute(
            f"alter table {BRONZE} drop constraint if exists product_cdc_offset_key"
        )
        self.model.unique = False
        self.told("unique key dropped")

    def swap_rows(self, one: Place, other: Place) -> None:
        """Two rows change their contents."""
        rows = {(row.partition, row.offset): row for row in self.model.rows if not row.stray}
        if one not in rows or other not in rows or one == other:
            return
        self.pipeline.execute(
            f"""update {BRONZE} b set kafka_key = o.kafka_key, cdc_payload = o.cdc_payload,
                kafka_timestamp = o.kafka_timestamp, ingested_at = o.ingested_at
            from {BRONZE} o
            where (b.kafka_partition, b.kafka_offset, o.kafka_partition, o.kafka_offset)
                in ((%s, %s, %s, %s), (%s, %s, %s, %s))""",
            *(*one, *other),
            *(*other, *one),
        )
        rows[one].made, rows[other].made = rows[other].made, rows[one].made
        self.told(f"rows swapped: {one} and {other}")

    def quarantine(self, place: Place, *, acked: bool) -> None:
        """A row goes to the quarantine, as if Postgres had refused it."""
        rows = [row for row in self.model.rows if (row.partition, row.offset) == place]
        if len(rows) != 1 or rows[0].stray or place not in self.model.made:
            return
        served = self.pipeline.clients.reader.record(self.pipeline.table.topic, *place)
        self.pipeline.execute(
            f"""with moved as (
                delete from {BRONZE} where kafka_partition = %s and kafka_offset = %s returning *
            )
            insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition,
                kafka_offset, kafka_timestamp, raw_key, raw_value, sqlstate, reason, batch_file)
            select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, %s, %s,
                '22P05', 'x', batch_file
            from moved""",
            *place,
            served.key,
            served.value,
        )
        self.model.rows.remove(rows[0])
        self.model.aside[place] = ("22P05", rows[0].file)
        self.told(f"row quarantined: {place}")
        if acked:
            day = datetime.now(UTC).date()
            ack = quarantine_ack("22P05", expires=day, reason="known", person="ann")
            write_ack(self.pipeline.objects, self.pipeline.table.prefix, ack)
            self.model.acked.add("22P05")
            self.told("22P05 acknowledged")

    def rename_file(self, places: set[Place], key: str) -> None:
        for row in self.model.rows:
            if (row.partition, row.offset) in places:
                self.pipeline.execute(
                    f"""update {BRONZE} set batch_file = %s
                    where kafka_partition = %s and kafka_offset = %s""",
                    key,
                    row.partition,
                    row.offset,
                )
                row.file = key
        self.told(f"rows say they came from {key[-20:]}: {sorted(places)}")

    def record_as_pruned(self, places: set[Place]) -> None:
        for partition in {place[0] for place in places}:
            offsets = sorted(at for part, at in places - self.model.pruned if part == partition)
            if offsets:
                self.pipeline.execute(
                    """insert into bictl.pruned_range (kafka_topic, generation, kafka_partition,
                        first_offset, next_offset, n_rows, offsets, cut_offset, verified_run,
                        reason, run)
                    select %s, %s, %s, 0, 10000, count(*), range_agg(int8range(at, at + 1)), 10000,
                        %s, 'x', 'x'
                    from unnest(%s) as at""",
                    self.pipeline.table.topic,
                    self.pipeline.generation(),
                    partition,
                    str(uuid.uuid4()),
                    offsets,
                )
        self.model.pruned |= places
        self.told(f"recorded as pruned: {sorted(places)}")

    # Staging and vectors -------------------------------------------------------------------------

    def freeze(self) -> None:
        """Staging as a table, as it is now."""
        if self.model.shown is None:
            self.pipeline.database.script(
                f"create table {FROZEN} as select * from {STAGING};"
                f"drop view {STAGING} cascade;"
                f"create view {STAGING} as select * from {FROZEN};"
            )
            self.model.shown = list(self.model.folded().values())
            self.model.loads = {id: row.load for id, row in self.model.newest().items()}
            self.told("staging is a table from here on")

    def hide_from_staging(self, ids: set[int]) -> None:
        self.freeze()
        self.pipeline.execute(f"delete from {FROZEN} where product_id = any(%s)", list(ids))
        self.model.shown = [one for one in self.model.shown or [] if one.id not in ids]
        self.told(f"taken from staging: {sorted(ids)}")

    def rename_in_staging(self, ids: set[int]) -> None:
        self.freeze()
        name = f"shown {self.chance.randrange(10**6)}"
        self.pipeline.execute(
            f"update {FROZEN} set name = %s where product_id = any(%s)", name, list(ids)
        )
        self.model.shown = [
            dataclasses.replace(one, name=name) if one.id in ids else one
            for one in self.model.shown or []
        ]
        self.told(f"renamed in staging: {sorted(ids)}")

    def invent_in_staging(self) -> None:
        self.freeze()
        id = -self.chance.randrange(1, 10**6)
        self.pipeline.execute(
            f"""insert into {FROZEN} (product_id, name, vendor_code, cdc_operation)
            values (%s, 'invented', %s, 'c')""",
            id,
            f"V-{id}",
        )
        self.model.shown = [
            *(self.model.shown or []), Made(0, -1, id, "c", "", "invented")
        ]  # fmt: skip
        self.told(f"invented in staging: {id}")

    def show_twice(self, id: int) -> None:
        self.freeze()
        self.pipeline.execute(
            f"insert into {FROZEN} select * from {FROZEN} where product_id = %s", id
        )
        self.model.shown = [
            *(self.model.shown or []),
            *[one for one in self.model.shown or [] if one.id == id],
        ]
        self.told(f"shown twice: {id}")

    def embed_as_shown(self) -> None:
        """The stage itself, over whatever is there: it makes the vectors fit the damage."""
        shown = {one.id: one.name or "" for one in self.model.staged()}
        if shown and len({one.id for one in self.model.staged()}) == len(self.model.staged()):
            self.embed()
            self.model.vectors = shown
            self.model.unfindable = set()
            self.told("embedded again")

    def delete_vectors(self, ids: set[int]) -> None:
        self.pipeline.execute(f"delete from {VECTORS} where product_id = any(%s)", list(ids))
        for id in ids:
            self.model.vectors.pop(id, None)
        self.model.unfindable -= ids
        self.told(f"vectors deleted: {sorted(ids)}")

    def orphan_vector(self) -> None:
        id, twin = -self.chance.randrange(1, 10**6), self.some_vector()
        if twin is None or id in self.model.vectors:
            return
        self.pipeline.execute(
            f"""insert into {VECTORS}
            select (jsonb_populate_record(v, jsonb_build_object('product_id', %s))).*
            from {VECTORS} v where product_id = %s""",
            id,
            twin,
        )
        self.model.vectors[id] = self.model.vectors[twin]
        if twin in self.model.unfindable:
            self.model.unfindable.add(id)
        self.told(f"a vector of nobody: {id}")

    def stale_vector(self) -> None:
        id = self.some_vector()
        if id is not None:
            self.pipeline.execute(
                f"update {VECTORS} set content_hash = sha256('old') where product_id = %s", id
            )
            self.model.vectors[id] = "\0old"
            self.told(f"a vector of an older text: {id}")

    def spoil_vector(self) -> None:
        id = self.some_vector()
        if id is not None:
            factor = self.chance.choice(["0", "2"])
            self.pipeline.execute(
                f"""update {VECTORS} set embedding =
                    (select array_agg(x * {factor}) from unnest(embedding::real[]) x)::vector
                where product_id = %s""",
                id,
            )
            self.model.unfindable.add(id)
            self.told(f"a vector times {factor}: {id}")

    def drop_index(self) -> None:
        for (name,) in self.pipeline.database.rows(
            "select indexrelid::regclass::text from pg_index join pg_class c on c.oid = indexrelid"
            " join pg_am on pg_am.oid = c.relam where amname = 'hnsw'"
        ):
            self.pipeline.execute(f"drop index {name}")
            self.model.unindexed = True
            self.told("vector index dropped")

    def some_vector(self) -> int | None:
        """A product with a vector."""
        return self.chance.choice(sorted(self.model.vectors)) if self.model.vectors else None


# Composition -------------------------------------------------------------------------------------


def compose(damaged: Damaged) -> None:
    """One or two targets, each damaged in some layers; then perhaps something beside them. One in
    seven is made of what only looks like damage, one in ten is a forgery."""
    drawn = damaged.chance.random()
    if drawn < 1 / 7:
        appearances(damaged)
        return
    if drawn > 9 / 10:
        forgery(damaged)
        return
    for _ in range(damaged.chance.choice([1, 1, 1, 2])):
        if damaged.chance.random() < 0.5:
            an_object(damaged)
        else:
            some_records(damaged)
    vectors(damaged)
    beside(damaged)


def forgery(damaged: Damaged) -> None:
    """Contents that are others, everything around them made to fit: no offset and no product is
    missing, and only what was produced tells it."""
    chance, model = damaged.chance, damaged.model
    key = chance.choice(sorted(model.objects))
    one = model.objects[key]
    offsets = set(chance.sample(sorted(one.lines), min(len(one.lines), chance.randint(1, 3))))
    if chance.random() < 0.7:
        damaged.alter_lines(key, offsets)
        chance.choice([damaged.seal_in_ledger, damaged.forget])(key)
    if chance.random() < 0.5:
        damaged.alter_rows({(one.partition, at) for at in offsets})
    if chance.random() < 0.3:
        known = sorted({(row.partition, row.offset) for row in model.rows})
        damaged.swap_rows(*chance.sample(known, 2))
    damaged.embed_as_shown()


def appearances(damaged: Damaged) -> None:
    """What bictl never does and what does no harm, several at once."""
    chance, model = damaged.chance, damaged.model

    def pack_anew() -> None:
        key = chance.choice(sorted(model.objects))
        damaged.recompress(key)
        chance.choice([damaged.seal_in_ledger, damaged.forget])(key)

    def prune_by_hand() -> None:
        places = {(row.partition, row.offset) for row in model.rows if replaced(model, row)}
        if places:
            some = set(chance.sample(sorted(places), min(len(places), 3)))
            damaged.delete_rows(some)
            damaged.record_as_pruned(some)
            damaged.embed_as_shown()

    def put_aside() -> None:
        known = {(row.partition, row.offset) for row in model.rows}
        damaged.quarantine(chance.choice(sorted(known)), acked=True)
        damaged.embed_as_shown()

    def overlap() -> None:
        damaged.overlap(chance.choice(sorted(model.objects)), differs=False)

    def forget_all() -> None:
        for key in list(model.ledger):
            damaged.forget(key)

    deeds = [
        pack_anew,
        prune_by_hand,
        put_aside,
        overlap,
        forget_all,
        damaged.foreign_object,
        damaged.drop_frontier,
        damaged.freeze,
        lambda: damaged.acknowledge(0, 0, 1),
        lambda: damaged.lie(chance.choice(sorted(model.objects))),
    ]
    for deed in chance.sample(deeds, chance.randint(2, 4)):
        deed()


def replaced(model: Model, row: Row) -> bool:
    """Whether a newer change of its product stands behind it in its partition."""
    return any(
        other.made.id == row.made.id
        and other.made.op
        and other.partition == row.partition
        and other.offset > row.offset
        for other in model.rows
    )


def beside(damaged: Damaged) -> None:
    """Things that are no fault by themselves."""
    chance = damaged.chance
    if chance.random() < 0.2:
        damaged.foreign_object()
    if chance.random() < 0.2:
        damaged.drop_frontier()
    if chance.random() < 0.2 and damaged.model.ledger:
        damaged.forget(chance.choice(sorted(damaged.model.ledger)))
    if chance.random() < 0.2 and damaged.model.ledger:
        damaged.lie(chance.choice(sorted(damaged.model.ledger)))
    if chance.random() < 0.15 and damaged.model.objects:
        sound = [key for key, one in damaged.model.objects.items() if one.sound]
        if sound:
            damaged.overlap(chance.choice(sorted(sound)), differs=chance.random() < 0.3)


def an_object(damaged: Damaged) -> None:
    """An object, and what the other layers say of it."""
    chance, model = damaged.chance, damaged.model
    keys = sorted(key for key, one in model.objects.items() if one.sound)
    if not keys:
        return
    key = chance.choice(keys)
    one = model.objects[key]
    partition, first, after = one.partition, one.first, one.after
    places = {(partition, at) for at in one.lines}
    ids = {model.made[place].id for place in places}
    offsets = sorted(one.lines)
    some = set(chance.sample(offsets, min(len(offsets), chance.randint(1, 3))))
    deed = chance.choice(
        [
            lambda: damaged.delete_object(key),
            lambda: damaged.delete_object(key),
            lambda: damaged.cut_object(key),
            lambda: damaged.strip_manifest(key),
            lambda: damaged.put_another_object(key),
            lambda: damaged.drop_lines(key, some),
            lambda: damaged.alter_lines(key, some),
            lambda: damaged.recompress(key),
            lambda: None,
        ]
    )
    if chance.random() < 0.3:
        damaged.freeze()
    deed()
    of_some = {(partition, at) for at in some}
    rows = chance.choice(
        [
            lambda: None,
            lambda: damaged.delete_rows(places),
            lambda: damaged.delete_rows(of_some),
            lambda: damaged.alter_rows(of_some),
            lambda: damaged.rename_file(of_some, chance.choice(keys)),
            lambda: damaged.record_as_pruned(of_some),
        ]
    )
    rows()
    if rows and chance.random() < 0.2:
        damaged.record_as_pruned(of_some)
    ledger = chance.choice(
        [
            lambda: None,
            lambda: damaged.forget(key),
            lambda: damaged.seal_in_ledger(key),
            lambda: damaged.lie(key),
        ]
    )
    ledger()
    if chance.random() < 0.3:
        damaged.drop_frontier()
    if chance.random() < 0.3:
        damaged.acknowledge(partition, first, after)
    if chance.random() < 0.2:
        damaged.hide_from_staging(ids)


def some_records(damaged: Damaged) -> None:
    """A few records, and what each layer says of them."""
    chance, model = damaged.chance, damaged.model
    known = sorted({(row.partition, row.offset) for row in model.rows if not row.stray})
    known = [place for place in known if place in model.made]
    if not known:
        return
    places = set(chance.sample(known, min(len(known), chance.randint(1, 3))))
    ids = {model.made[place].id for place in places}
    one = sorted(places)[0]
    if chance.random() < 0.3:
        damaged.freeze()
    for key in sorted(model.objects):
        found = model.objects[key]
        here = {at for part, at in places if part == found.partition and at in found.lines}
        if found.sound and here and chance.random() < 0.4:
            chance.choice([damaged.drop_lines, damaged.alter_lines])(key, here)
            if chance.random() < 0.6:
                damaged.seal_in_ledger(key)
    rows = chance.choice(
        [
            lambda: None,
            lambda: damaged.delete_rows(places),
            lambda: damaged.delete_rows(places),
            lambda: damaged.alter_rows(places),
            lambda: damaged.move_row(one),
            lambda: damaged.stray_row(one),
            lambda: damaged.double_row(one),
            lambda: damaged.quarantine(one, acked=chance.random() < 0.5),
            lambda: damaged.swap_rows(one, chance.choice(known)),
            damaged.drop_unique,
        ]
    )
    rows()
    if chance.random() < 0.25:
        damaged.record_as_pruned(places)
    shown = {item.id for item in model.staged()}
    staging = chance.choice(
        [
            lambda: None,
            lambda: None,
            lambda: None,
            lambda: damaged.hide_from_staging(ids),
            lambda: damaged.rename_in_staging(ids & shown),
            damaged.invent_in_staging,
            lambda: damaged.show_twice(chance.choice(sorted(shown))) if shown else None,
        ]
    )
    staging()


def vectors(damaged: Damaged) -> None:
    """Vectors that fit the damage, or have one of their own."""
    chance = damaged.chance
    if chance.random() < 0.6:
        damaged.embed_as_shown()
    if chance.random() < 0.3:
        ids = sorted(damaged.model.vectors)
        chance.choice(
            [
                lambda: damaged.delete_vectors(set(chance.sample(ids, min(len(ids), 2)))),
                damaged.orphan_vector,
                damaged.stale_vector,
                damaged.spoil_vector,
                damaged.drop_index,
            ]
        )()


# The base ----------------------------------------------------------------------------------------


def model_of(pipeline: Pipeline, made: dict[Place, Made]) -> Model:
    """The model of a healthy pipeline: every layer holds what it has to, as the systems themselves
    say in which object and which row."""
    model = Model(made)
    for key in pipeline.batches():
        body, metadata = pipeline.objects.get(key)
        text = gzip.decompress(body).split(b"\n")[:-1]
        partition = int(metadata["bictl-partition"])
        first, after = int(metadata["bictl-first"]), int(metadata["bictl-next"])
        offsets = [int(re.search(rb'"offset":(\d+)', line)[1]) for line in text]
        lines = {at: made[partition, at] for at in offsets}
        seal = hashlib.sha256(body).hexdigest()
        model.objects[key] = Object(partition, first, after, lines, seal)
        model.ledger[key] = Entry(partition, first, after, {seal})
    held = f"select kafka_partition, kafka_offset, batch_file from {BRONZE}"
    for partition, offset, file in pipeline.database.rows(held):
        model.rows.append(Row(partition, offset, made[partition, offset], file))
    standing = {(row.partition, row.offset) for row in model.rows}
    model.pruned = set(made) - standing
    model.vectors = {one.id: one.name or "" for one in model.staged()}
    return model
