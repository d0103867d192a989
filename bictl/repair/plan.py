"""The rules: which failure of a verdict is answered by which repair, phase by phase.

A repair never acknowledges, prunes, deletes an object or drops what might be the last evidence of a
record: bronze is loaded anew only from objects that nothing speaks against, and vectors of keys
that are gone go only when everything above them is well.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.repair.objects import Names, doubts, to_reload
from bictl.repair.step import Left, Repair
from bictl.verify.layers import META, SOURCE_TO_KAFKA, STAGING_TO_VECTORS
from bictl.verify.report import Check, State

if TYPE_CHECKING:
    from bictl.settings import Table
    from bictl.verify import Report

_LISTED = 5  # objects that a command names one by one


class Phase(StrEnum):
    """The parts of the pipeline, in its order; a fresh verdict lies between two of them."""

    TABLES = "tables"
    OBJECTS = "objects"
    BRONZE = "bronze"
    STAGING = "staging"
    VECTORS = "vectors"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The repairs of a phase, in order, and what it would not do, with the reason."""

    repairs: tuple[Repair, ...] = ()
    held: tuple[Left, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A verdict, as the rules look at it."""

    report: "Report"
    table: "Table"
    names: Callable[[], Names]
    select: Collection[str]
    follows: bool  # a phase before this one has changed something
    settled: Collection[str]

    def wrong(self, *ids: str, command: str = "") -> tuple[Check, ...]:
        """Those of the checks that are not well and are to be repaired; `command` is how the hint
        of one begins that has several."""
        return tuple(
            check
            for check in self.report.checks
            if check.id in ids
            and check.state in (State.FAIL, State.WARN)
            and (not self.select or check.id in self.select)
            and check.hint.startswith(command)
        )

    def fails(self, *ids: str) -> bool:
        """Whether one of them fails, selected or not."""
        return any(check.id in ids and check.state is State.FAIL for check in self.report.checks)

    def run(self, *words: str) -> str:
        """A command for this table."""
        return " ".join(["bictl", *words[:1], "--table", self.table.name, *words[1:]])


def plan(
    phase: Phase,
    report: "Report",
    *,
    table: "Table",
    names: Callable[[], Names],
    select: Collection[str] = (),
    follows: bool = False,
    settled: Collection[str] = (),
) -> Plan:
    """What is to be done in `phase` about the failures of `report`.

    `names` lists the table's batches when it is asked; `select` are the only checks to answer;
    `follows` says that something was changed above, which has to be carried down;
    `settled` are checks of a dry run that would be well by now.
    """
    case = _Case(
        report=report, table=table, names=names, select=select, follows=follows, settled=settled
    )
    return _RULES[phase](case)


def _tables(case: _Case) -> Plan:
    wrong = case.wrong("M1", "B4", command="bictl migrate")
    if case.fails("B2"):  # the key cannot be made yet
        wrong = tuple(check for check in wrong if check.id != "B4")
    if not wrong:
        return Plan()
    return Plan(
        repairs=(
            Repair(
                name="migrate",
                checks=_ids(wrong),
                does="bring bictl's tables to this version, with the unique key of bronze",
                why="numbered files and an index: no row is changed",
                command="bictl migrate",
            ),
        )
    )


def _objects(case: _Case) -> Plan:
    late = case.wrong("K5", "K6", "O7", command="bictl ingest")
    holes = [check for check in case.wrong("O2", "K10", "K11") if "--fill" in check.hint]
    holes = [check for check in holes if check.hint.startswith("bictl ingest")]
    if not late and not holes:
        return Plan()
    fill = ("--fill",) if holes else ()
    does = "read again what is in no object and still in Kafka, and " if holes else ""
    return Plan(
        repairs=(
            Repair(
                name="ingest",
                checks=_ids([*holes, *late]),
                does=f"{does}seal what the topic holds above the frontier",
                why="an object is written only where none is; ingest stops where Kafka lost some",
                command=case.run("ingest", *fill),
                options=("fill",) if holes else (),
            ),
        )
    )


def _bronze(case: _Case) -> Plan:
    repairs, held = list[Repair](), list[Left]()
    doubled = case.wrong("B2") if case.fails("B4") else ()
    amiss = case.wrong("B3", "B5", "B10", "B11", *(() if doubled else ("B2",)))
    if doubled or amiss:
        keys = to_reload(case.report, case.names(), [*doubled, *amiss])
        held += _doubted(case, [*doubled, *amiss])
        if keys:
            repairs.append(
                _undouble(case, doubled, keys) if doubled else _reload(case, amiss, keys)
            )
    wrong = case.wrong("B1", "B4", "B7", "M2", "O8", command="bictl load-bronze")
    if wrong or case.follows:
        repairs.append(
            Repair(
                name="load-bronze",
                checks=_ids(wrong),
                does="load the objects that the ledger does not know",
                why="one transaction an object; what is there already stays",
                command=case.run("load-bronze"),
            )
        )
    return Plan(repairs=tuple(repairs), held=tuple(held))


def _undouble(case: _Case, doubled: Iterable[Check], keys: tuple[str, ...]) -> Repair:
    return Repair(
        name="undouble",
        checks=(*_ids(doubled), "B4"),
        does=f"load {_objects_in_words(keys)} anew, whose records stand more than once, and make"
        " the unique key again",
        why="one transaction; each record that is taken out comes back from its sealed object",
        command=case.run("repair", "--select", "B2"),
        keys=keys,
    )


def _reload(case: _Case, amiss: Iterable[Check], keys: tuple[str, ...]) -> Repair:
    named = [word for key in keys for word in ("--object", key)] if len(keys) <= _LISTED else []
    return Repair(
        name="reload",
        checks=_ids(amiss),
        does=f"load {_objects_in_words(keys)} anew",
        why="one transaction an object; its bytes are those that were sealed and loaded, and no row"
        " in its range stands in no object",
        command=case.run("load-bronze", "--replay", *named),
        keys=keys,
    )


def _doubted(case: _Case, amiss: list[Check]) -> list[Left]:
    """What is not loaded anew because something speaks against its object."""
    doubted = doubts(case.report, case.names())
    if not doubted:
        return []
    said = (
        f"{counted(len(doubted), 'object', 'is')} not to be believed, or rows of those ranges stand"
        " in none"
    )
    hint = case.run("verify", "--deep")
    return [
        Left(
            check=check.id,
            state=check.state.value,
            message=f"{check.message}; not loaded anew where {said}",
            hint=f"settle K10, O4, O5, O6 and B7 first: {hint}",
        )
        for check in amiss
    ]


def _staging(case: _Case) -> Plan:
    wrong = case.wrong("T1", "T2", "T3", "T4", "T5", "T6", "T7", command="bictl transform")
    if not wrong:
        return Plan()
    return Plan(
        repairs=(
            Repair(
                name="transform",
                checks=_ids(wrong),
                does=f"build the view {case.table.staging} anew and test it",
                why="a view holds no data",
                command=case.run("transform", "--force"),
            ),
        )
    )


def _vectors(case: _Case) -> Plan:
    if not case.table.embed:
        return Plan()
    texts = case.wrong("E1", "E2", "E3", "E4", "E5", "E11")
    graph, swapped = case.wrong("E6", "E7", "E9"), case.wrong("E10")
    wrong = [*texts, *graph, *swapped]
    if not wrong and not case.follows:
        return Plan()
    if left := _last_evidence(case):
        return Plan(held=(left,))
    options = [*(["rebuild"] if swapped else []), *(["reindex"] if graph else [])]
    does = ["make every vector anew" if swapped else "embed what is missing, stale or not found"]
    does += ["drop the vectors of keys that are gone", "make the index where it is not valid"]
    does += ["make the index anew"] if graph else []
    return Plan(
        repairs=(
            Repair(
                name="embed",
                checks=_ids(wrong),
                does=", ".join(does),
                why="a vector is made from staging's text, and everything above is well where one"
                " goes",
                command=case.run("embed", *(f"--{option}" for option in options)),
                options=tuple(options),
            ),
        )
    )


def _last_evidence(case: _Case) -> Left | None:
    """Where a layer above is not well, a vector without a row may be all that is left of one."""
    orphans = next((one for one in case.report.checks if one.id == "E1" and one.extra), None)
    above = [
        check
        for check in case.report.checks
        if check.state in (State.FAIL, State.UNKNOWN)
        and check.id not in case.settled
        and check.boundary not in (SOURCE_TO_KAFKA, STAGING_TO_VECTORS, META)
    ]
    if orphans is None or not above:
        return None
    return Left(
        check="E1",
        state=orphans.state.value,
        message=f"{orphans.message}; kept as long as {', '.join(_ids(above))} are not well: they"
        " may be all that is left of a record",
        hint=above[0].hint or case.run("verify"),
    )


_RULES: dict[Phase, Callable[[_Case], Plan]] = {
    Phase.TABLES: _tables,
    Phase.OBJECTS: _objects,
    Phase.BRONZE: _bronze,
    Phase.STAGING: _staging,
    Phase.VECTORS: _vectors,
}


def _ids(checks: Iterable[Check]) -> tuple[str, ...]:
    return tuple(check.id for check in checks)


def _objects_in_words(keys: tuple[str, ...]) -> str:
    return f"the object {keys[0]}" if len(keys) == 1 else f"{len(keys)} objects"
