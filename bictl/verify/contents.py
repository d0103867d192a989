"""Whether both sides of a boundary hold the same records, and not only the same offsets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.verify.ranges import Ranges, in_words, merged, total
from bictl.verify.report import Finding, State, of_ranges, passed

if TYPE_CHECKING:
    from bictl.settings import Table
    from bictl.verify.expired import Expired
    from bictl.verify.slices import Looked


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Records of two layers, compared one by one.

    `different` are on both sides with other content, `absent` upstream alone; `only` counts those
    that stand downstream alone, `unserved` are those of them that Kafka does not serve although it
    serves their range. `doubled` have a name twice in one JSON object.
    """

    compared: int = 0
    different: Ranges = ()
    absent: Ranges = ()
    only: int = 0
    unserved: Ranges = ()
    doubled: Ranges = ()


def added(parts: Iterable[Contents]) -> Contents:
    """Several comparisons as one."""
    found = list(parts)
    return Contents(
        compared=sum(part.compared for part in found),
        different=merged(item for part in found for item in part.different),
        absent=merged(item for part in found for item in part.absent),
        only=sum(part.only for part in found),
        unserved=merged(item for part in found for item in part.unserved),
        doubled=merged(item for part in found for item in part.doubled),
    )


def as_served(
    found: Contents,
    expired: "Expired",
    unheld: Ranges = (),
    *,
    table: "Table",
    compacts: bool = True,
) -> Finding:
    """K10: what Kafka still serves stands in the objects, with the same bytes, and where the topic
    does not compact nothing else does: an aborted transaction is none. What stood in objects that
    have expired stands at least in bronze or the quarantine, all but `unheld`."""
    if unheld:
        return Finding(
            state=State.FAIL,
            evaluated=found.compared + total(unheld),
            missing=of_ranges(unheld),
            message=f"{in_words(unheld)} ({counted(total(unheld), 'record')}) stand in Kafka,"
            " not in bronze,"
            " and their objects have expired",
            hint=f"bictl ingest --table {table.name} --fill, then: bictl load-bronze"
            f" --table {table.name} --replay",
        )
    evaluated = found.compared + total(found.absent)
    unserved = () if compacts else found.unserved
    if not found.different and not found.absent and not unserved:
        gone = f"{counted(found.only, 'record', 'is')} in the objects and not in Kafka any more"
        said = [gone if found.only else "", _not_compared(expired)]
        return passed(evaluated or found.only or expired.records, "; ".join(filter(None, said)))
    said = []
    if found.absent:
        said.append(f"{in_words(found.absent)} stand in Kafka and not in the object of that range")
    if found.different:
        said.append(f"{in_words(found.different)} hold other bytes than Kafka serves")
    if unserved:
        said.append(
            f"{in_words(unserved)} stand in the objects, and Kafka, where nothing is compacted,"
            " serves its neighbours alone: records of aborted transactions, or of another log"
        )
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        missing=of_ranges(found.absent),
        extra=of_ranges(merged([*found.different, *unserved])),
        message="; ".join(said),
        hint=f"look at one: bictl trace --table {table.name} --offset {_first(found)}; move the"
        f" wrong objects away, then: bictl ingest --table {table.name} --fill",
    )


def as_sealed(found: Contents, expired: "Expired", *, table: "Table") -> Finding:
    """B10: each row of bronze and the quarantine holds what its object holds."""
    if not found.different:
        return passed(found.compared or expired.records, _not_compared(expired))
    return Finding(
        state=State.FAIL,
        evaluated=found.compared,
        extra=of_ranges(found.different),
        message=f"{in_words(found.different)} ({counted(total(found.different), 'row')}) hold"
        " other content "
        "than their objects",
        hint=f"bictl load-bronze --table {table.name} --replay",
    )


def of_slice(found: Finding, part: "Looked | None") -> Finding:
    """The same, with the slice that it is about; None: it is about everything. A slice without any
    batch has nothing to compare, and that is no gap in the evidence."""
    if part is None:
        return found
    return replace(
        found,
        evaluated=found.evaluated or (0 if part.batches else part.of_batches),
        message="; ".join(filter(None, [found.message, part.words])),
    )


def _not_compared(expired: "Expired") -> str:
    ranges = expired.all_ranges
    return f"not compared, their objects have expired: {in_words(ranges)}" if ranges else ""


def unique_names(found: Contents, *, table: "Table") -> Finding:
    """B12: no JSON object has a name twice: jsonb keeps the last of the values, the object all."""
    if not found.doubled:
        return passed(found.compared)
    return Finding(
        state=State.WARN,
        evaluated=found.compared,
        extra=of_ranges(found.doubled),
        message=f"{in_words(found.doubled)} ({counted(total(found.doubled), 'record')}) have a"
        " name twice: "
        "bronze keeps the last value, the sealed object the bytes",
        hint="whoever writes the topic has to say what is meant; look at one: bictl trace"
        f" --table {table.name} --offset {_first(found)}",
    )


def _first(found: Contents) -> str:
    """The first record that is not as it should be, as `bictl trace` takes it."""
    one = merged((*found.absent, *found.different, *found.doubled, *found.unserved))[0]
    return f"{one.partition}:{one.first}"
