"""Which columns a table has: what its topic shows, and who else describes it."""

from pathlib import Path
from typing import TYPE_CHECKING

from bictl.columns import Column, SourceTable
from bictl.errors import NotFound, StageFailed
from bictl.tables.declared import read_columns
from bictl.tables.describe import Sample, described_in, sample

if TYPE_CHECKING:
    from bictl.clients.topics import TopicReader

_HINT = (
    "give the columns: --from-schema-topic (named like the connector's topic prefix),"
    " or --columns FILE"
)


def look(
    reader: "TopicReader",
    topic: str,
    *,
    schema_topic: str | None = None,
    columns_file: Path | None = None,
) -> tuple[Sample | None, SourceTable | None]:
    """The topic's newest row (None where it has none yet and the columns come from elsewhere), and
    the source's own types from the file, the schema-change topic that was named, or the one that
    the connector writes where the records bring no schema."""
    try:
        seen = sample(reader, topic)
    except StageFailed:
        if not schema_topic and not columns_file:
            raise
        seen = None
    wanted = (seen.source if seen else ()) or tuple(topic.split(".")[-3:])
    if columns_file is not None:
        return seen, read_columns(columns_file, wanted=wanted)
    if schema_topic:
        return seen, described_in(reader, schema_topic, wanted=wanted)
    if seen is None or seen.columns is not None:
        return seen, None
    prefix = seen.prefix or topic.partition(".")[0]
    try:
        return seen, described_in(reader, prefix, wanted=wanted)
    except NotFound:
        return seen, None


def columns_of(
    reader: "TopicReader",
    topic: str,
    *,
    schema_topic: str | None = None,
    columns_file: Path | None = None,
) -> tuple[tuple[Column, ...], list[str]]:
    """The topic's columns and notes on them; a type is "" where nobody tells it."""
    seen, described = look(reader, topic, schema_topic=schema_topic, columns_file=columns_file)
    if described is None and seen is not None and seen.columns is None:
        return tuple(Column(name, "") for name in seen.fields), []
    return settle(seen, described, topic=topic)


def settle(
    seen: Sample | None, described: SourceTable | None, *, topic: str
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns that are on the wire, with the source's own types where they are known; and what
    is left out."""
    if described is None:
        if seen is None or not seen.columns:
            raise StageFailed(
                f"the records of {topic} bring no schema, so their columns are not known",
                hint=_HINT,
            )
        return seen.columns, []
    known = {column.name: column for column in described.columns}
    inline = {column.name: column for column in (seen.columns or ())} if seen else {}
    fields = seen.fields if seen else tuple(known)
    strange = [name for name in fields if name not in known and name not in inline]
    if strange:
        raise NotFound(
            "column",
            strange[0],
            existing=known,
            where="on the wire: the description of the table does not have it",
            hint="it may be older than the records: give a newer one (--columns FILE)",
        )
    kept = [known.get(name) or inline[name] for name in fields]
    carried = tuple(column for column in kept if column.type != "sql_variant")
    missing = [name for name in known if name not in {column.name for column in carried}]
    notes = [f"left out, since no record carries it: {name}" for name in missing]
    return carried, notes
