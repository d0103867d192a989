"""Life in the source table of the JVM stack: the catalogue's products, and then transactions that
insert, update, delete, insert again, change keys, do nothing and roll back.

What is there is read from the table itself, so a killed run has nothing to go on with.
"""

import csv
import io
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bictl.clients.database import Database
from bictl.local.catalogue import Catalogue, Product, repriced
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress

_EPOCH = datetime(1970, 1, 1)
_PAUSE = 0.005  # seconds between transactions
_ROLLED_BACK = 0.06  # of all transactions
_KINDS = {
    **{"price": 50, "text": 10, "nothing": 2, "insert": 14, "delete": 12},
    **{"reinsert": 6, "move": 4, "brief": 2},
}
_INSERT = 'insert into dbo."Product" values %s'  # a tuple is a row
_SET = 'update dbo."Product" set "Updated" = now() at time zone \'utc\','
Row = tuple[object, ...]


@dataclass(frozen=True)
class Traffic:
    """What was committed: transactions, and events by op (c, u, d); a changed key is a d and a c,
    counted in `moved` too. `last` is the id of the last transaction."""

    transactions: int
    rolled_back: int
    changes: dict[str, int]
    moved: int
    last: int


def fill(source: Database, products: int, *, seed: int = 1) -> int:
    """Insert the catalogue's products that the table never had; how many rows it holds then."""
    highest = source.value('select coalesce(max("ID"), 0) from dbo."Product"')
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows(map(row, map(Catalogue(seed).product, range(highest + 1, products + 1))))
    source.copy_in(
        'copy dbo."Product" from stdin (format csv)', io.BytesIO(text.getvalue().encode())
    )
    return int(source.value('select count(*) from dbo."Product"'))


def change(
    source: Database,
    changes: int,
    *,
    seed: int | None = None,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> Traffic:
    """Make so many changes, a few in each transaction; the last transaction is one update, whose
    record is the last one of all."""
    found = _Table(source, random.Random(seed))  # noqa: S311 (not for secrets)
    made = transactions = rolled_back = 0
    counts: Counter[str] = Counter()
    while made < changes and not stop():
        done = found.transaction(found.chance.choice((1, 1, 1, 2, 3)))
        if done is None:
            rolled_back += 1
            continue
        counts += done
        transactions += 1
        made += done["changes"]
        on_progress(Progress(stage="traffic", done=made, total=changes, unit="changes"))
        time.sleep(_PAUSE)
    last = touch(source)
    operations = {op: counts[op] for op in "cud" if counts[op]}
    return Traffic(transactions, rolled_back, operations, counts["moved"], last)


def touch(source: Database) -> int:
    """Change the price of the newest product, or insert one where there is none; the transaction's
    id."""
    with source.transaction():
        id = source.value('select max("ID") from dbo."Product"')
        if id is None:
            source.execute(_INSERT, [row(Catalogue().product(1))])
        price = '"Price" = coalesce("Price", 0) + 0.0001'
        source.execute(f'{_SET} {price} where "ID" = %s', [id])
        return int(source.value("select txid_current()"))


def row(product: Product) -> Row:
    """A product as the source's columns take it, in their order."""
    *texts, weight, length, width, height, volume, price = product[:10]
    return (
        *texts,
        *(_decimal(size, 4) for size in (weight, length, width, height)),
        _decimal(volume, 6),
        _decimal(price, 4),
        product.is_active,
        product.category_id,
        product.manufacturer_id,
        _EPOCH + timedelta(microseconds=product.created // 1_000),
        None if product.updated is None else _EPOCH + timedelta(milliseconds=product.updated),
    )


def _decimal(unscaled: int | None, scale: int) -> Decimal | None:
    return None if unscaled is None else Decimal(unscaled).scaleb(-scale)


class _Undo(Exception):
    """Rolls a transaction back."""


@dataclass
class _Table:
    """The keys that are there and that were there, as this run knows them."""

    source: Database
    chance: random.Random
    ids: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    next_id: int = 1

    def __post_init__(self) -> None:
        self.ids = [id for (id,) in self.source.rows('select "ID" from dbo."Product" order by 1')]
        self.next_id = max(self.ids, default=0) + 1

    def transaction(self, size: int) -> Counter[str] | None:
        """One transaction of `size` changes: its events by op, or None when it was rolled back."""
        kept = (self.ids.copy(), self.gone.copy())
        counts: Counter[str] = Counter()
        try:
            with self.source.transaction():
                for _ in range(size):
                    (kind,) = self.chance.choices(list(_KINDS), list(_KINDS.values()))
                    counts += _DO[kind](self)
                    counts["changes"] += 1
                if self.chance.random() < _ROLLED_BACK:
                    raise _Undo
        except _Undo:
            self.ids, self.gone = kept
            return None
        return counts

    def insert(self) -> Counter[str]:
        """A product that was not there before."""
        product = Catalogue().product(self.next_id)
        self.next_id += 1
        return self._come(product)

    def reinsert(self) -> Counter[str]:
        """A deleted one under its old key, at another price."""
        if not self.gone:
            return self.insert()
        product = Catalogue().product(self.gone.pop(self.chance.randrange(len(self.gone))))
        return self._come(product._replace(price=repriced(product, self.chance)))

    def price(self) -> Counter[str]:
        """Another price."""
        price = Decimal(self.chance.randrange(1, 10**8)).scaleb(-4)
        return self._update('"Price" = %s', price)

    def text(self) -> Counter[str]:
        """Another description, which is embedded anew."""
        return self._update('"Description" = concat("Name", %s::text)', ". Now in new packaging.")

    def nothing(self) -> Counter[str]:
        """An update that changes nothing is an event all the same."""
        if not self.ids:
            return self.insert()
        statement = 'update dbo."Product" set "Price" = "Price" where "ID" = %s'
        return Counter(u=self.source.execute(statement, (self.chance.choice(self.ids),)))

    def delete(self) -> Counter[str]:
        """A product goes."""
        id = self._take()
        if id is None:
            return self.insert()
        self.gone.append(id)
        count = self.source.execute('delete from dbo."Product" where "ID" = %s', (id,))
        return Counter(d=count)

    def move(self) -> Counter[str]:
        """A changed key: Debezium makes a delete and a create of it."""
        id = self._take()
        if id is None:
            return self.insert()
        self.ids.append(self.next_id)
        count = self.source.execute(f'{_SET} "ID" = %s where "ID" = %s', (self.next_id, id))
        self.next_id += 1
        return Counter(c=count, d=count, moved=count)

    def brief(self) -> Counter[str]:
        """A product that lives for one transaction."""
        come = self.insert()
        id = self.ids.pop()
        renamed = self.source.execute(f'{_SET} "Name" = %s where "ID" = %s', ("Sold out", id))
        went = self.source.execute('delete from dbo."Product" where "ID" = %s', (id,))
        return come + Counter(u=renamed, d=went)

    def _come(self, product: Product) -> Counter[str]:
        now = datetime.now(UTC).replace(tzinfo=None)
        self.ids.append(product.id)
        self.source.execute(_INSERT, [(*row(product)[:13], now, None)])
        return Counter(c=1)

    def _update(self, what: str, value: object) -> Counter[str]:
        if not self.ids:
            return self.insert()
        id = self.chance.choice(self.ids)
        return Counter(u=self.source.execute(f'{_SET} {what} where "ID" = %s', (value, id)))

    def _take(self) -> int | None:
        """A key that is there, no longer among them."""
        if not self.ids:
            return None
        number = self.chance.randrange(len(self.ids))
        self.ids[number], self.ids[-1] = self.ids[-1], self.ids[number]
        return self.ids.pop()


_DO: dict[str, Callable[[_Table], Counter[str]]] = {
    **{"price": _Table.price, "text": _Table.text, "nothing": _Table.nothing},
    **{"insert": _Table.insert, "delete": _Table.delete, "reinsert": _Table.reinsert},
    **{"move": _Table.move, "brief": _Table.brief},
}
