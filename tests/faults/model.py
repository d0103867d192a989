"""What every layer of a pipeline holds, in plain Python, and what is wrong with it.

Nothing here asks bictl anything: the records are those that were produced, and each damage is done
to the model as it is done to the systems. A boundary is sound when the layer below holds what the
layer above does; the first one is held against what was produced.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Place = tuple[int, int]  # partition, offset


@dataclass(frozen=True)
class Made:
    """A record as it was produced; `op` is empty for a tombstone, `name` is the row's."""

    partition: int
    offset: int
    id: int
    op: str
    position: str
    name: str | None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.partition, self.offset


@dataclass
class Object:
    """A batch: which range it answers for, and what its lines say. `seal` tells contents apart;
    `says` is the partition and the range of a manifest that is another batch's."""

    partition: int
    first: int
    after: int
    lines: dict[int, Made]
    seal: str
    legible: bool = True  # its manifest can be read
    sound: bool = True  # and its bytes are those of the manifest
    says: tuple[int, int, int] | None = None


@dataclass
class Entry:
    """What the ledger says of an object."""

    partition: int
    first: int
    after: int
    seals: set[str]


@dataclass
class Row:
    """A row of bronze; a `stray` one names another life of the topic. `load` tells when it came."""

    partition: int
    offset: int
    made: Made
    file: str
    stray: bool = False
    load: int = 0


@dataclass
class Truth:
    """What is wrong. The `offsets`, `ids` and `files` are to be named, what is in `beside` may be;
    of those in `deep` a look that does not read every line may know nothing."""

    reasons: list[str] = field(default_factory=list)
    offsets: set[Place] = field(default_factory=set)
    beside: set[Place] = field(default_factory=set)
    ids: set[int] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    hidden: list[str] = field(default_factory=list)
    deep: set[Place] = field(default_factory=set)

    def at(self, reason: str, places: Iterable[Place]) -> None:
        """These offsets are wrong."""
        found = set(places)
        if found:
            self.reasons.append(f"{reason}: {sorted(found)}")
            self.offsets |= found

    def within(self, reason: str, places: Iterable[Place]) -> None:
        """These are wrong, and only reading every line shows it."""
        found = set(places)
        if found:
            self.hidden.append(f"{reason}: {sorted(found)}")
            self.deep |= found

    def of(self, reason: str, ids: Iterable[int]) -> None:
        """These products are wrong."""
        found = set(ids)
        if found:
            self.reasons.append(f"{reason}: {sorted(found)}")
            self.ids |= found

    def file(self, reason: str, key: str) -> None:
        """This object is."""
        self.reasons.append(f"{reason}: {key}")
        self.files.add(key)


@dataclass
class Model:
    """One pipeline."""

    made: dict[Place, Made]
    objects: dict[str, Object] = field(default_factory=dict)
    ledger: dict[str, Entry] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    aside: dict[Place, tuple[str, str]] = field(default_factory=dict)  # reason, file
    acked: set[str] = field(default_factory=set)  # reasons of quarantine
    pruned: set[Place] = field(default_factory=set)
    unique: bool = True
    shown: list[Made] | None = None  # staging, where it is no view
    loads: dict[int, int] = field(default_factory=dict)  # and when the rows came that it shows
    vectors: dict[int, str] = field(default_factory=dict)  # id, the name that was embedded
    unfindable: set[int] = field(default_factory=set)
    unindexed: bool = False

    # What is there -------------------------------------------------------------------------------

    def ends(self) -> dict[int, int]:
        """Where each partition ends."""
        found: dict[int, int] = {}
        for partition, offset in self.made:
            found[partition] = max(found.get(partition, 0), offset + 1)
        return found

    def sound(self) -> dict[str, Object]:
        """The objects that can be believed."""
        return {key: one for key, one in self.objects.items() if one.sound}

    def held(self) -> set[Place]:
        """The offsets that they hold."""
        return {(one.partition, at) for one in self.sound().values() for at in one.lines}

    def claimed(self) -> set[Place]:
        """The offsets that they answer for."""
        return {place for one in self.sound().values() for place in span(one)}

    def standing(self) -> Counter[Place]:
        """How often each offset stands in bronze and the quarantine."""
        rows = [(row.partition, row.offset) for row in self.rows if not row.stray]
        return Counter([*rows, *self.aside])

    def folded(self) -> dict[int, Made]:
        """The newest record of each product that is there, as bronze tells it."""
        return {id: row.made for id, row in self.newest().items()}

    def newest(self) -> dict[int, Row]:
        """The rows that hold those records."""
        newest: dict[tuple[int, bool, int], Row] = {}
        for row in self.rows:
            place = (row.made.id, row.stray, row.partition)
            if place not in newest or newest[place].offset < row.offset:
                newest[place] = row
        found: dict[int, Row] = {}
        for (id, *_), row in newest.items():
            if id not in found or self._rank(found[id]) < self._rank(row):
                found[id] = row
        return {id: row for id, row in found.items() if row.made.op not in ("", "d")}

    def _rank(self, row: Row) -> tuple[bool, str, int]:
        """Of newest rows of several partitions, the greatest counts. A tombstone stands where the
        record before it does."""
        before = [
            (one.offset, one.made.position)
            for one in self.rows
            if (one.made.id, one.stray, one.partition) == (row.made.id, row.stray, row.partition)
            and one.offset <= row.offset
            and one.made.op
        ]
        return not row.stray, max(before, default=(0, ""))[1], row.offset

    def staged(self) -> list[Made]:
        """What staging shows."""
        return list(self.folded().values()) if self.shown is None else self.shown

    # What is wrong -------------------------------------------------------------------------------

    def truth(self) -> Truth:
        """Every boundary."""
        found = Truth()
        self._objects(found)
        self._ledger(found)
        self._bronze(found)
        self._pruned(found)
        self._staging(found)
        self._vectors(found)
        return found

    def _objects(self, found: Truth) -> None:
        found.at("in no object", self.made.keys() - self.claimed())
        for key, one in self.objects.items():
            if not one.sound:
                found.file("damaged", key)
                found.beside |= span(one)
        for one in self.sound().values():
            here = {place[1] for place in span(one) if place in self.made}
            found.within(
                "not in its object", ((one.partition, at) for at in here - one.lines.keys())
            )
            found.within(
                "otherwise in its object",
                (
                    (one.partition, at)
                    for at, line in one.lines.items()
                    if line != self.made[one.partition, at]
                ),
            )
        for left in self.sound().values():
            for right in self.sound().values():
                if left is not right and left.partition == right.partition:
                    both = left.lines.keys() & right.lines.keys()
                    other = {at for at in both if left.lines[at] != right.lines[at]}
                    found.at("in two objects, differing", ((left.partition, at) for at in other))

    def _ledger(self, found: Truth) -> None:
        claimed = self.claimed()
        files = {row.file for row in self.rows} | {file for _, file in self.aside.values()}
        for key in sorted(files | self.ledger.keys()):
            one, entry = self.objects.get(key), self.ledger.get(key)
            if one is None and not (entry and span(entry) <= claimed):
                found.file("loaded, and gone", key)
            if one is not None and entry and one.legible and one.seal not in entry.seals:
                found.file("changed since it was loaded", key)
        named = [(row.file, row.partition, row.offset, row.stray) for row in self.rows]
        named += [(file, *place, False) for place, (_, file) in self.aside.items()]
        for key, partition, offset, stray in named:
            one = self.objects.get(key)
            if one is not None and one.legible:
                part, first, after = one.says or (one.partition, one.first, one.after)
                inside = part == partition and first <= offset < after
                if stray or not inside:
                    found.file("a row says it came from there", key)

    def _bronze(self, found: Truth) -> None:
        held, standing = self.held(), self.standing()
        found.at("not in bronze", held - standing.keys() - self.pruned)
        found.at("in bronze alone", standing.keys() - held)
        stray = {(row.partition, row.offset) for row in self.rows if row.stray}
        found.at("in bronze of another life", stray)
        found.at("in bronze more than once", (at for at, count in standing.items() if count > 1))
        if not self.unique:
            found.reasons.append("bronze has no unique key")
        open_ = [place for place, (reason, _) in self.aside.items() if reason not in self.acked]
        if open_:
            found.reasons.append(f"in quarantine: {open_}")
        for one in self.sound().values():
            rows = {
                row.offset: row.made
                for row in self.rows
                if row.partition == one.partition and not row.stray
            }
            found.within(
                "otherwise in bronze",
                (
                    (one.partition, at)
                    for at, line in one.lines.items()
                    if (one.partition, at) not in self.aside and rows.get(at, line) != line
                ),
            )
            found.within(
                "otherwise in quarantine",
                (
                    (one.partition, at)
                    for at, line in one.lines.items()
                    if (one.partition, at) in self.aside and line != self.made[one.partition, at]
                ),
            )

    def _pruned(self, found: Truth) -> None:
        standing, held = self.standing(), self.held()
        loaded = {
            place
            for key, entry in self.ledger.items()
            if key not in self.sound()
            for place in span(entry)
        }
        found.at("pruned, and there", self.pruned & standing.keys())
        found.at("pruned, and never loaded", self.pruned - held - loaded)
        newest = {partition: 0 for partition, _ in self.pruned}
        for partition, offset in standing:
            newest[partition] = max(newest.get(partition, 0), offset)
        found.at("pruned, and nothing behind", (p for p in self.pruned if p[1] > newest[p[0]]))
        lines = {
            (one.partition, at): line
            for one in self.sound().values()
            for at, line in one.lines.items()
        }
        found.at(
            "pruned, and not replaced",
            (
                place
                for place in self.pruned & lines.keys()
                if not any(
                    row.made.id == lines[place].id
                    and row.made.op
                    and not row.stray
                    and row.partition == place[0]
                    and row.offset > place[1]
                    for row in self.rows
                )
            ),
        )

    def _staging(self, found: Truth) -> None:
        folded, staged = self.folded(), self.staged()
        shown = {one.id: one for one in staged}
        if len(shown) < len(staged):
            found.reasons.append("a product is shown twice")
        found.of("not shown", folded.keys() - shown.keys())
        found.of("shown, and gone", shown.keys() - folded.keys())
        other = {
            id
            for id in folded.keys() & shown.keys()
            if any(
                (one.op, one.position, one.name)
                != (folded[id].op, folded[id].position, folded[id].name)
                for one in staged
                if one.id == id
            )
        }
        found.of("shown otherwise", other)
        came = {id: row.load for id, row in self.newest().items()}
        both = self.loads.keys() & came.keys() & shown.keys()
        found.of("shown as it came before", (id for id in both if self.loads[id] != came[id]))

    def _vectors(self, found: Truth) -> None:
        shown = {one.id: one.name for one in self.staged()}
        found.of("not embedded", shown.keys() - self.vectors.keys())
        found.of("embedded, and gone", self.vectors.keys() - shown.keys())
        both = shown.keys() & self.vectors.keys()
        found.of("embedded of another text", (id for id in both if shown[id] != self.vectors[id]))
        found.of("of no use to search", self.unfindable)
        if self.unindexed:
            found.reasons.append("the vectors have no index")


def span(one: Object | Entry) -> set[Place]:
    """The offsets of its range."""
    return {(one.partition, at) for at in range(one.first, one.after)}


def record(partition: int, offset: int, key: bytes, value: bytes | None) -> Made:
    """What a produced record says of itself."""
    id = json.loads(key)["ID"]
    if value is None:
        return Made(partition, offset, id, "", "", None)
    event: Mapping[str, dict] = json.loads(value)
    row = event["after"] or event["before"]
    position = event["source"]["commit_lsn"]
    return Made(partition, offset, id, str(event["op"]), position, row["Name"])
