"""Reading from bronze what the wire cannot carry: only columns of the kinds that differ."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bictl.clients.relations import columns
from bictl.verify.carried import Carried, Difference, doubted

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.model_file import Model
    from bictl.settings import Table

_ALL = 2**63 - 1  # before every id


def read_carried(database: "Database", table: "Table", model: "Model | None" = None) -> Carried:
    """The values of such columns, in one reading of bronze where there are any; of records without
    a schema, the newest ones beside the model's modes."""
    if "schema_id" not in columns(database, table.bronze):
        return Carried()
    carried = database.named("verify/carried", bronze=table.bronze)
    counts = database.dicts(
        carried + database.named("verify/carried_counts"), {"topic": table.topic}
    )
    differences = []
    for row in counts:
        # A NULL that came as NULL says that from there on they all do.
        before = row["first_null"] if row["kind"] == "default" else None
        if row["found"] and (row["kind"] != "rounded" or row["fine"]):
            parameters = {
                "topic": table.topic,
                "name": row["name"],
                "kind": row["kind"],
                "before": _ALL if before is None else before,
            }
            some = database.rows(carried + database.named("verify/carried_some"), parameters)
            if some:
                differences.append(_difference(row, some, table))
    return Carried(
        judged=sum(row["judged"] for row in counts),
        differences=(*differences, *_computed(database, table), *_misread(database, table, model)),
    )


def _difference(row: Mapping[str, Any], some: list[tuple[Any, ...]], table: "Table") -> Difference:
    return Difference(
        column=row["name"],
        kind=row["kind"],
        count=some[0][0],
        examples=tuple((_key(record, table), value) for _, record, value in some),
    )


def _computed(database: "Database", table: "Table") -> list[Difference]:
    """Columns that only snapshots carry; all of bronze is read for those alone that may be some."""
    parameters = {"topic": table.topic}
    never = database.rows(database.named("verify/never_changed", bronze=table.bronze), parameters)
    if not never:
        return []
    names = {**parameters, "names": [name for (name,) in never]}
    return [
        Difference(
            column=name,
            kind="computed",
            count=count,
            examples=tuple((_key(record, table), "") for record in records),
        )
        for name, count, records in database.rows(
            database.named("verify/computed", bronze=table.bronze), names
        )
    ]


def _misread(database: "Database", table: "Table", model: "Model | None") -> list[Difference]:
    """Columns that another mode than the model's seems to have written."""
    listed = [
        (column.source, *doubt)
        for column in (model.columns if model else ())
        if (doubt := doubted(column.type, model.modes if model else {}))
    ]
    if not listed:
        return []
    names, kinds, limits = (list(part) for part in zip(*listed, strict=True))
    parameters = {"topic": table.topic, "names": names, "kinds": kinds, "limits": limits}
    return [
        Difference(
            column=row["name"],
            kind=row["kind"],
            count=row["count"],
            examples=tuple(
                (_key(record, table), text)
                for record, text in zip(row["records"], row["texts"], strict=True)
            ),
        )
        for row in database.dicts(database.named("verify/unsaid", bronze=table.bronze), parameters)
    ]


def _key(record: Any, table: "Table") -> str:
    """A record's key in words: its columns' values."""
    payload = record.get("payload", record) if isinstance(record, dict) else {}
    known = payload if isinstance(payload, dict) else {}
    return ",".join(str(known[name]) for name in table.key if name in known) or "a record"
