"""What prune removed: a set that bictl itself wrote, and so one that has to be proved.

Each of its offsets was loaded (its object holds it, or held it when it was loaded) and its key has
a newer record in bronze; else the set would hide a loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.records import Range
from bictl.verify.bronze import Bronze, held_by
from bictl.verify.objects import Entry
from bictl.verify.ranges import Ranges, in_words, merged, subtract, total
from bictl.verify.report import Finding, State, of_ranges, passed
from bictl.verify.shelf import Place, Shelf

if TYPE_CHECKING:
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """`pruned` records, and those of them that no object held, that nothing newer follows in their
    partition, or whose key has no newer change; `unread` are those whose object is gone."""

    pruned: int = 0
    unknown: Ranges = ()
    unread: int = 0
    last: Ranges = ()
    unreplaced: Ranges = ()

    def with_keys(self, unreplaced: Ranges) -> "Replaced":
        """The same, with the keys compared."""
        return replace(self, unreplaced=unreplaced)


def claims(shelf: Shelf, bronze: Bronze, ledger: Sequence[Entry]) -> Replaced:
    """The recorded sets against the objects' and against what stands in bronze."""
    sound = {batch.key for batch in shelf.batches if batch.sound}
    unread, unknown, last = 0, list[Range](), list[Range]()
    for place, gone in bronze.pruned.items():
        unseen = subtract(gone, held_by(shelf.chains.get(place, ())))
        loaded = merged(
            entry.range
            for entry in ledger
            if (entry.generation, entry.range.partition) == place and entry.key not in sound
        )
        nowhere = subtract(unseen, loaded)
        unread += total(unseen) - total(nowhere)
        unknown += nowhere
        last += _behind(gone, bronze, place)
    return Replaced(
        pruned=sum(total(gone) for gone in bronze.pruned.values()),
        unknown=merged(unknown),
        unread=unread,
        last=merged(last),
    )


def _behind(gone: Sequence[Range], bronze: Bronze, place: Place) -> Ranges:
    """Pruned offsets that no row of their partition follows."""
    end = max((item.next for item in bronze.held.get(place, ())), default=0)
    return tuple(
        Range(item.partition, max(item.first, end), item.next) for item in gone if item.next > end
    )


def proved(found: Replaced, *, table: "Table") -> Finding:
    """B11: what was pruned was loaded, and a newer record of its key stands in bronze."""
    wrong = merged((*found.unknown, *found.last, *found.unreplaced))
    if not wrong:
        return passed(max(found.pruned, 1), _words(found))
    said = [
        f"{in_words(ranges)} ({counted(total(ranges), 'record')}) {what}"
        for ranges, what in (
            (found.unknown, "are recorded as pruned and were never loaded"),
            (found.last, "are recorded as pruned and nothing newer stands in their partition"),
            (
                subtract(found.unreplaced, found.last),
                "are recorded as pruned and their keys have no newer record",
            ),
        )
        if ranges
    ]
    return Finding(
        state=State.FAIL,
        evaluated=found.pruned,
        missing=of_ranges(wrong),
        message="; ".join(said),
        hint=f"bictl load-bronze --table {table.name} --replay",
    )


def _words(found: Replaced) -> str:
    if not found.pruned:
        return ""
    if not found.unread:
        return f"{found.pruned:,} pruned"
    return (
        f"{found.pruned:,} pruned; of {found.unread:,} the objects are gone, so that their keys "
        "stand on prune's word alone"
    )
