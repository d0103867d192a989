"""What Postgres's evidence means for one record: the ledger, bronze, the quarantine, what was
pruned."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bictl.counted import counted
from bictl.errors import BictlError
from bictl.records import short_id
from bictl.trace.evidence import Evidence, unread
from bictl.trace.layers import BRONZE, LEDGER, VERIFY
from bictl.trace.report import Layer, State
from bictl.trace.shelf import Held
from bictl.trace.warehouse import Rows

if TYPE_CHECKING:
    from bictl.settings import Table


def ledger_layer(evidence: Evidence, objects: Layer) -> Layer:
    """Whether the record's object was loaded."""
    rows = evidence.rows
    if isinstance(rows, BictlError):
        return unread(LEDGER, rows)
    known = [row for row in rows.ledger if _is_of(row, evidence.held)]
    if known:
        return _in_ledger(known[0])
    load = f"bictl load-bronze --table {evidence.table.name}"
    if rows.ledger:
        said = "the object was loaded with other content"
        return Layer(name=LEDGER, state=State.STALE, said=(said,), repair=load)
    if objects.state is not State.FOUND:
        return Layer(name=LEDGER, state=_follows(objects))
    nothing = ("nothing was ever loaded",) if rows.is_new else ()
    if evidence.is_young(objects.at):
        return Layer(name=LEDGER, state=State.NOT_YET, said=nothing)
    return Layer(name=LEDGER, state=State.MISSING, said=nothing, repair=load)


def _in_ledger(row: Mapping[str, Any]) -> Layer:
    said = f"{counted(row['n_records'], 'record')} loaded by run {short_id(row['load_run'])}"
    return Layer(
        name=LEDGER,
        state=State.FOUND,
        at=row["loaded_at"],
        said=(said, *_accounts(row)),
        facts=dict(row),
    )


def _is_of(row: Mapping[str, Any], held: Held | None) -> bool:
    """Whether a row of the ledger is that of the object with its content."""
    if held is None or held.manifest is None:
        return True
    return (row["object_key"], row["sha256"]) == (held.key, held.manifest.sha256)


def _accounts(row: Mapping[str, Any]) -> Iterator[str]:
    """What became of an object's records, where that is more than loaded."""
    if row["n_quarantined"] or row["n_duplicate"]:
        yield (
            f"{row['n_loaded']:,} into bronze, {row['n_quarantined']:,} to quarantine, "
            f"{row['n_duplicate']:,} there already"
        )


def bronze_layer(evidence: Evidence, objects: Layer, ledger: Layer) -> Layer:
    """Whether bronze or the quarantine holds the record, or should."""
    rows = evidence.rows
    if isinstance(rows, BictlError):
        return unread(BRONZE, rows)
    if rows.row is not None:
        return _in_bronze(rows, evidence.table)
    if rows.quarantined is not None:
        return _in_quarantine(evidence, rows)
    if rows.pruned is not None:
        return _pruned(rows.pruned)
    if ledger.state is State.FOUND:
        return _not_in_bronze(evidence, objects, ledger.facts)
    return Layer(name=BRONZE, state=_not_loaded(evidence, objects, ledger))


def _not_loaded(evidence: Evidence, objects: Layer, ledger: Layer) -> State:
    """The ledger does not know it either."""
    if ledger.state is State.STALE:
        return State.MISSING
    if objects.state.is_unread and evidence.is_served:
        return State.UNKNOWN  # whether it was sealed
    return _follows(ledger)


def _pruned(row: Mapping[str, Any]) -> Layer:
    said = (
        f"at {row['pruned_at']:%Y-%m-%d %H:%M:%S} by run {short_id(row['run'])}: {row['reason']}",
        "a newer record of its key is there",
    )
    return Layer(name=BRONZE, state=State.PRUNED, said=said, facts=dict(row))


def _in_bronze(rows: Rows, table: "Table") -> Layer:
    row = rows.row or {}
    layer = Layer(
        name=BRONZE,
        state=State.FOUND,
        at=row["ingested_at"],
        said=(f"row {row['id']} of {table.bronze}",),
        facts={"id": row["id"], "table": table.bronze, "batch_file": row["batch_file"]},
    )
    if not rows.conflicts:
        return layer
    return replace(layer, state=State.CONFLICT, said=(*_claims(rows), *layer.said), repair=VERIFY)


def _claims(rows: Rows) -> Iterator[str]:
    for row in rows.conflicts:
        yield (
            f"{row['batch_file']} claims the offset with other content: it is kept in "
            f"bictl.offset_conflict, {row['standing_file']} stands"
        )


def _in_quarantine(evidence: Evidence, rows: Rows) -> Layer:
    row, place = rows.quarantined or {}, evidence.place
    facts = {name: row[name] for name in ("sqlstate", "reason", "batch_file")}
    why = f"{row['sqlstate']}: {row['reason']}"
    found = Layer(
        name=BRONZE,
        state=State.QUARANTINED,
        at=row["quarantined_at"],
        said=(why,),
        repair=f"bictl quarantine show {place} --table {evidence.table.name}",
        facts=facts,
    )
    if rows.conflicts:
        return replace(found, state=State.CONFLICT, said=(*_claims(rows), why))
    ack = evidence.accepted.get(row["sqlstate"])
    if ack is not None:
        said = f"in quarantine, which {ack.person} acknowledged at {ack.at}: {ack.reason}"
        return replace(found, state=State.ACKNOWLEDGED, said=(said, why))
    return found


def _not_in_bronze(evidence: Evidence, objects: Layer, loaded: Mapping[str, Any]) -> Layer:
    """The ledger says that its object was loaded, and it is not there."""
    name = evidence.table.name
    if objects.state is State.NO_RECORD:
        return Layer(name=BRONZE, state=State.NO_RECORD)
    if objects.state is State.FOUND:
        why, repair = "the ledger accounts for it", f"bictl load-bronze --table {name} --replay"
    elif evidence.is_served:
        why, repair = "its object was loaded and is gone", f"bictl ingest --table {name} --fill"
    elif objects.state is State.EXPIRED and _is_dense(loaded):
        said = ("its object was loaded and has expired, and no row is there",)
        return Layer(name=BRONZE, state=State.LOST, said=said, repair=VERIFY)
    else:
        said = ("its object was loaded; whether that held a record here is not known",)
        return Layer(name=BRONZE, state=State.UNKNOWN, said=said)
    said = (f"{why}, and no row is there",)
    return Layer(name=BRONZE, state=State.MISSING, said=said, repair=repair)


def _is_dense(loaded: Mapping[str, Any]) -> bool:
    """Whether an object held a record at each of its offsets."""
    span: int = loaded["next_offset"] - loaded["first_offset"]
    return bool(loaded["n_records"] == span)


def _follows(above: Layer) -> State:
    """The state of a layer that has nothing because the one above has nothing."""
    if above.state is State.NO_RECORD:
        return State.NO_RECORD
    if above.state in (State.ACKNOWLEDGED, State.LOST, State.EXPIRED, State.NOT_THERE):
        return State.NOT_THERE
    return State.NOT_YET
