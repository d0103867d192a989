"""What happens to the demo's table: a snapshot, then inserts, updates, deletes, re-inserts and
changed keys. A round is one run of the demo; the same rounds give the same changes, to the byte.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bictl.local.catalogue import Catalogue, Product, repriced

_STEP = 40  # milliseconds between changes
_SNAPSHOT_PACE = 8  # rows read in a millisecond
_CONNECTOR_LAG = 700  # milliseconds from a commit to its event
_KINDS = {"update": 62, "insert": 14, "delete": 12, "reinsert": 8, "move": 4}


@dataclass(frozen=True)
class Round:
    """One run: when it began (ms since the epoch), how many products there are from then on, and
    how many further changes follow."""

    started: int
    products: int
    changes: int


class Position(NamedTuple):
    """A change's place in the transaction log, as its three fields are written."""

    commit_lsn: str
    change_lsn: str | None
    serial: int | None


class Change(NamedTuple):
    """One event: op (r, c, u, d), the row's images, where and when it happened (ms).

    `marker` is source.snapshot; `seen` is when the connector saw it; `other_id` is the other key
    of a changed one.
    """

    op: str
    before: Product | None
    after: Product | None
    position: Position
    committed: int
    seen: int
    marker: str = "false"
    other_id: int | None = None

    @property
    def row(self) -> Product:
        """The image that names the key."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a change without a row")
        return found


def snapshot(catalogue: Catalogue, first: Round, *, skip: int = 0) -> Iterator[Change]:
    """The rows that are there when the connector starts; `skip` leaves out the first ones."""
    taken = _begin(first) - 1_000 - first.products // _SNAPSHOT_PACE
    position = Position(_lsn(_Log.first_block, 3), None, None)
    for id in range(skip + 1, first.products + 1):
        marker = "first" if id == 1 else "last" if id == first.products else "true"
        seen = taken + 250 + id // _SNAPSHOT_PACE
        yield Change("r", None, catalogue.product(id), position, taken, seen, marker)


def stream(catalogue: Catalogue, rounds: Sequence[Round]) -> Iterator[list[Change]]:
    """Every change after the snapshot, one list a round."""
    table = _Table(catalogue, rounds[0].products + 1)
    products = rounds[0].products
    for number, round in enumerate(rounds):
        table.begin(random.Random(catalogue.seed * 7_919 + number), _begin(round))  # noqa: S311
        changes = [table.insert() for _ in range(round.products - products)]
        for _ in range(round.changes):
            changes += table.change()
        products = max(products, round.products)
        yield changes


def _begin(round: Round) -> int:
    return round.started - round.changes * _STEP - _CONNECTOR_LAG


def _lsn(block: int, slot: int) -> str:
    return f"{0x2A + (block >> 16):08x}:{block & 0xFFFF:08x}:{slot:04x}"


class _Log:
    """The transaction log: positions rise strictly, several changes may share a commit."""

    first_block = 0x3F0

    def __init__(self) -> None:
        self._block, self._slot, self._left, self._commit = self.first_block, 0, 0, ""

    def next(self, chance: random.Random, serial: int) -> tuple[Position, bool]:
        """The next position, and whether it begins a transaction."""
        begins = self._left == 0
        if begins:
            self._block += chance.randrange(8, 40)
            self._left = chance.choice((1, 1, 1, 2, 3))
            self._commit = _lsn(self._block + 4, 2 + self._left)
            self._slot = 1
        self._left -= 1
        self._slot += 1
        return Position(self._commit, _lsn(self._block, self._slot), serial), begins


@dataclass
class _Table:
    """The rows as they are now: those of the catalogue but for the changed and the deleted."""

    catalogue: Catalogue
    next_id: int
    changed: dict[int, Product] = field(default_factory=dict)
    deleted: dict[int, Product] = field(default_factory=dict)
    retired: set[int] = field(default_factory=set)  # keys that became others
    log: _Log = field(default_factory=_Log)
    now: int = 0
    committed: int = 0
    chance: random.Random = field(default_factory=random.Random)

    def begin(self, chance: random.Random, now: int) -> None:
        """A round begins."""
        self.chance, self.now = chance, max(now, self.now + _STEP)

    def change(self) -> list[Change]:
        """One change; a changed key is two events."""
        (kind,) = self.chance.choices(list(_KINDS), list(_KINDS.values()))
        if kind == "insert":
            return [self.insert()]
        if kind == "reinsert" and self.deleted:
            return [self._reinsert()]
        row = self._some_row()
        if row is None:
            return [self.insert()]
        if kind == "delete":
            return [self._delete(row)]
        return self._move(row) if kind == "move" else [self._update(row)]

    def insert(self) -> Change:
        """A product that was not there before."""
        row = self.catalogue.product(self.next_id)
        self.next_id += 1
        return self._event("c", None, row._replace(created=self._tick() * 1_000_000))

    def _update(self, row: Product) -> Change:
        what = self.chance.choice(("price", "price", "price", "is_active", "description"))
        if what == "price":
            new = row._replace(price=repriced(row, self.chance))
        elif what == "is_active":
            new = row._replace(is_active=not row.is_active)
        else:
            new = row._replace(description=f"{row.description or row.name} Now in new packaging.")
        return self._event("u", row, new._replace(updated=_datetime(self._tick())))

    def _delete(self, row: Product) -> Change:
        self._tick()
        return self._event("d", row, None)

    def _reinsert(self) -> Change:
        row = self.deleted[self.chance.choice(list(self.deleted))]
        price = repriced(row, self.chance)
        created = self._tick() * 1_000_000
        return self._event("c", None, row._replace(price=price, created=created, updated=None))

    def _move(self, row: Product) -> list[Change]:
        """A changed key: SQL Server has one update, Debezium a delete and a create of one place."""
        new = row._replace(id=self.next_id, updated=_datetime(self._tick()))
        self.next_id += 1
        gone = self._event("d", row, None, serial=2)
        del self.deleted[row.id]  # it lives on under its new key
        self.changed[new.id] = new
        self.retired.add(row.id)
        come = gone._replace(op="c", before=None, after=new, other_id=row.id)
        return [gone._replace(other_id=new.id), come]

    def _event(
        self, op: str, before: Product | None, after: Product | None, *, serial: int | None = None
    ) -> Change:
        position, begins = self.log.next(self.chance, serial or (2 if op == "u" else 1))
        if begins:
            self.committed = self.now
        self._keep(before, after)
        seen = self.committed + _CONNECTOR_LAG
        return Change(op, before, after, position, self.committed, seen)

    def _keep(self, before: Product | None, after: Product | None) -> None:
        if after is not None:
            self.changed[after.id] = after
            self.deleted.pop(after.id, None)
        elif before is not None:
            self.changed.pop(before.id, None)
            self.deleted[before.id] = before

    def _some_row(self) -> Product | None:
        """A row that is there, if a few tries find one."""
        for _ in range(20):
            id = self.chance.randrange(1, self.next_id) if self.next_id > 1 else 0
            if id and id not in self.deleted and id not in self.retired:
                return self.changed.get(id) or self.catalogue.product(id)
        return None

    def _tick(self) -> int:
        self.now += _STEP
        return self.now


def _datetime(milliseconds: int) -> int:
    """SQL Server's datetime keeps thirds of hundredths: its last digit is 0, 3 or 7."""
    return milliseconds - milliseconds % 10 + (0, 0, 3, 3, 3, 3, 7, 7, 7, 7)[milliseconds % 10]
