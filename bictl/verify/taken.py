"""What other scripts left under the prefix and in bronze: whether all of it is taken over."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.records import LEGACY, Range
from bictl.verify.ranges import Ranges, in_words, merged, subtract, total
from bictl.verify.report import Finding, State, of_keys, of_ranges, passed
from bictl.verify.shelf import Place

if TYPE_CHECKING:
    from bictl.ingest.old_objects import BadLine, Note
    from bictl.settings import Table
    from bictl.verify.expired import Expired


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Old objects, those of them that wait, and whether old rows do. `bad` has an object, how many
    of its lines are no records, and the first of them; `legacy` counts records."""

    old: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    rows_wait: bool = False
    bad: "tuple[tuple[str, int, BadLine], ...]" = ()
    legacy: int = 0
    lost: Ranges = ()  # that were sealed once, and are in no batch now
    notes: tuple[str, ...] = ()  # the keys of the notes that say so


def lost_again(
    notes: "Iterable[Note]", claimed: Callable[[Place], Ranges], expired: "Callable[[], Expired]"
) -> "tuple[Ranges, list[Note]]":
    """What of the old topic was sealed and is in no sound batch, nor has `expired`, which is asked
    where something is gone; and the notes that say so. Kafka has nothing of it, and its legal gaps
    are known to the notes alone; other generations are one chain, and judged as such."""
    lost, said = list[Range](), list["Note"]()
    for note in notes:
        if note.generation != LEGACY:
            continue
        gone = [
            left
            for one in note.ranges
            if (place := (LEGACY, one.partition))
            for missing in subtract([one], claimed(place))
            for left in expired().without(place, [missing])
        ]
        lost += gone
        said += [note] if gone else []
    return merged(lost), said


def taken_over(found: Taken, *, table: "Table") -> Finding:
    """O8: each old object and row is in a sealed batch, and each line of theirs was a record."""
    evaluated = len(found.old) + bool(found.legacy) or 1
    if found.lost:
        return Finding(
            state=State.FAIL,
            evaluated=evaluated,
            missing=of_ranges(found.lost),
            message=f"{in_words(found.lost)} ({counted(total(found.lost), 'record')}) of"
            f" generation {LEGACY} were taken over and are in no object any more",
            hint="restore their objects from the bucket's backup; or delete"
            f" {of_keys(found.notes)}, and take over anew what old objects still hold:"
            f" bictl load-bronze --table {table.name}",
        )
    if found.waiting or found.rows_wait:
        said = [counted(len(found.waiting), "old object")] if found.waiting else []
        said += [f"rows of {table.bronze}"] if found.rows_wait else []
        are = "is" if len(found.waiting) == 1 and not found.rows_wait else "are"
        return Finding(
            state=State.WARN,
            evaluated=evaluated,
            extra=of_keys(found.waiting),
            message=f"{' and '.join(said)} {are} not taken over yet",
            hint=f"bictl load-bronze --table {table.name}",
        )
    if found.bad:
        count = sum(lines for _, lines, _ in found.bad)
        key, _, line = found.bad[0]
        return Finding(
            state=State.WARN,
            evaluated=evaluated,
            extra=of_keys([key for key, _, _ in found.bad], count),
            message=f"{counted(count, 'line')} of old objects are no records: {key} line"
            f" {line.line}: {line.reason}",
            hint="they stay where they are; what Kafka still has of them: bictl ingest"
            f" --table {table.name} --fill",
        )
    said = [f"{counted(len(found.old), 'old object')} taken over"] if found.old else []
    if found.legacy:
        said.append(
            f"{counted(found.legacy, 'record')} of generation {LEGACY}: what that topic held"
            " beside them is unknown"
        )
    return passed(evaluated, "; ".join(said))
