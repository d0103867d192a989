"""What a lifecycle rule took from the objects, told apart from what was lost.

Expired is what was loaded, is gone, and had to go: each missing object stands in the ledger, was
older than a rule's days by the store's own time, was written before every object of its partition
that is still there (or lies below them), and bronze and the quarantine hold exactly as many of its
offsets as it had records. Whatever lacks one of these is a loss, as it was before.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bictl.counted import counted
from bictl.records import Range
from bictl.verify.objects import Entry
from bictl.verify.ranges import Ranges, common, merged, subtract, total
from bictl.verify.shelf import Chain, Place, Shelf

if TYPE_CHECKING:
    from bictl.settings import Table


class Rule(Protocol):
    """A lifecycle rule, as the client reads it."""

    def covers(self, key: str, size: int) -> bool:
        """Whether it deletes that object one day."""
        ...

    def age(self, now: datetime) -> int | None:
        """After how many days it deletes."""
        ...

    @property
    def words(self) -> str:
        """Its name and its days."""
        ...


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the configuration says of a table, for a store that does not tell its rules."""

    table: str
    days: int

    def covers(self, key: str, size: int) -> bool:
        """Every object of the table."""
        return True

    def age(self, now: datetime) -> int | None:
        """The declared days."""
        return self.days

    @property
    def words(self) -> str:
        """The setting."""
        return f"expire_after_days = {self.days} in [tables.{self.table}]"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What may expire a table's objects; `unread` says why the bucket's own rules are not known."""

    rules: tuple[Rule, ...] = ()
    unread: str = ""

    def soonest(self, entry: Entry, now: datetime) -> tuple[int, Rule] | None:
        """The fewest days after which a rule deletes the object, and that rule."""
        found = [
            (days, rule)
            for rule in self.rules
            if rule.covers(entry.key, entry.size) and (days := rule.age(now)) is not None
        ]
        return min(found, key=lambda one: one[0], default=None)


@dataclass(frozen=True, kw_only=True)
class Expired:
    """The expired objects: what they answered for, and what of it bronze and quarantine hold.

    `refused` says of what else is gone why it is no expiry.
    """

    keys: frozenset[str] = frozenset()
    ranges: Mapping[Place, Ranges] = field(default_factory=dict)
    held: Mapping[Place, Ranges] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """How many records they held."""
        return sum(total(held) for held in self.held.values())

    @property
    def all_ranges(self) -> Ranges:
        """The ranges of every place."""
        return merged(item for ranges in self.ranges.values() for item in ranges)

    @property
    def words(self) -> str:
        """`0:[0,50000) expired: 3 objects of 50000 records, all loaded, by rule raw (90 days)`."""
        if not self.keys:
            return ""
        where = ", ".join(map(str, self.all_ranges))
        return (
            f"{where} expired: {counted(len(self.keys), 'object')} of "
            f"{counted(self.records, 'record')}, all loaded, by "
            f"{', '.join(self.rules)}"
        )

    @property
    def objection(self) -> str:
        """Why what is gone is no expiry, for the end of a message."""
        more = f" and {len(self.refused) - 2} more" if len(self.refused) > 2 else ""
        return f"; not expired: {'; '.join(self.refused[:2])}{more}" if self.refused else ""

    def without(self, place: Place, ranges: Iterable[Range]) -> Ranges:
        """What of the ranges has not expired."""
        return subtract(ranges, self.ranges.get(place, ()))


def find_expired(
    shelf: Shelf,
    ledger: Sequence[Entry],
    held: Callable[[Place], Ranges],
    rules: Rules,
    *,
    now: datetime,
) -> Expired:
    """Judges every object that the ledger knows and the shelf has not; `held` gives the offsets
    that bronze and the quarantine hold of a place, or held until they were pruned."""
    known = {batch.key for batch in shelf.batches}
    gone: dict[Place, list[Entry]] = {}
    for entry in ledger:
        place = (entry.generation, entry.range.partition)
        if entry.key not in known and entry.range.first >= shelf.since.get(place, 0):
            gone.setdefault(place, []).append(entry)
    keys: set[str] = set()
    ranges: dict[Place, Ranges] = {}
    rows: dict[Place, Ranges] = {}
    named: dict[str, None] = {}
    refused: list[str] = []
    for place, entries in gone.items():
        chain = shelf.chains.get(place, ())
        aged, objections = _aged(entries, chain, rules, now)
        proved, missing = _in_bronze(aged, held(place), shelf.claimed(place))
        refused += [*objections, *missing]
        if proved:
            keys.update(entry.key for entry in proved)
            ranges[place] = merged(entry.range for entry in proved)
            rows[place] = subtract(common(ranges[place], held(place)), shelf.held(place))
            found = (rules.soonest(entry, now) for entry in proved)
            named.update({one[1].words: None for one in found if one is not None})
    return Expired(
        keys=frozenset(keys), ranges=ranges, held=rows, rules=tuple(named), refused=tuple(refused)
    )


def _aged(
    entries: Sequence[Entry], chain: Chain, rules: Rules, now: datetime
) -> tuple[list[Entry], list[str]]:
    """Those that a rule had to delete by now, and why the others are none."""
    aged, objections = [], []
    for entry in entries:
        why = _objection(entry, chain, rules, now)
        if why:
            objections.append(f"{entry.range} {why}")
        else:
            aged.append(entry)
    return aged, objections


def _objection(entry: Entry, chain: Chain, rules: Rules, now: datetime) -> str:
    """Why no rule can have deleted the object; nothing where one had to."""
    if chain and entry.range.first >= chain[0].name.first and not _is_oldest(entry, chain):
        return "was written after objects that are still there"
    soonest = rules.soonest(entry, now)
    if soonest is None:
        return f"is covered by no rule{f' ({rules.unread})' if rules.unread else ''}"
    days, rule = soonest
    if entry.sealed is None or now - entry.sealed < timedelta(days=days):
        age = "unknown" if entry.sealed is None else counted((now - entry.sealed).days, "day")
        return f"was too young for {rule.words}: {age} since it was written"
    return ""


def _is_oldest(entry: Entry, chain: Chain) -> bool:
    """Whether all that is still there was written later: a hole that was filled again is."""
    written = [batch.modified for batch in chain]
    return entry.sealed is not None and all(
        one is not None and entry.sealed < one for one in written
    )


def _in_bronze(
    entries: Sequence[Entry], held: Ranges, standing: Ranges
) -> tuple[list[Entry], list[str]]:
    """Those whose records bronze and quarantine hold, and what is missing of the others.

    Where objects overlapped, they may have held the same records; where one that is still there
    overlaps, its own records stand in the same range.
    """
    proved, missing = [], []
    for group in _overlapping(entries):
        ranges = merged(entry.range for entry in group)
        rows, shared = total(common(ranges, held)), common(ranges, standing)
        least = max(entry.records for entry in group)
        most = sum(entry.records for entry in group) + total(shared)
        if least <= rows <= most:
            proved += group
        else:
            said = ", ".join(map(str, ranges))
            missing.append(f"{said}: bronze holds {rows} of {counted(most, 'record')}")
    return proved, missing


def _overlapping(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries in groups that answer for the same offsets."""
    groups: list[list[Entry]] = []
    reach = -1
    for entry in sorted(entries, key=lambda entry: entry.range):
        if entry.range.first < reach:
            groups[-1].append(entry)
        else:
            groups.append([entry])
        reach = max(reach, entry.range.next)
    return groups


def declared(table: "Table") -> tuple[Rule, ...]:
    """What the configuration says of the table's expiry."""
    days = table.expire_after_days
    return (Declared(table=table.name, days=days),) if days else ()
