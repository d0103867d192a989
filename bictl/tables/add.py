"""A new table: what the topic says of itself, as configuration, staging model, tests and yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bictl.columns import Column, SourceTable
from bictl.errors import ConfigError, NotFound, StageFailed, nearest
from bictl.settings import Settings, Table
from bictl.tables import place
from bictl.tables.declared import read_columns
from bictl.tables.describe import Sample, described_in, sample
from bictl.tables.names import check_table_name, column_names, table_name
from bictl.tables.place import Change
from bictl.tables.render import Design, config_section, filled, model_sql, schema_yml

if TYPE_CHECKING:
    from bictl.clients.topics import TopicReader

_NO_MODES: Mapping[str, str] = {}
_NO_COLUMNS = "give the columns: --from-schema-topic (named like the connector's topic prefix), or --columns FILE"  # noqa: E501
_WHOLE = {"int": "integer", "smallint": "integer", "tinyint": "integer", "bigint": "bigint"}


@dataclass(frozen=True, kw_only=True)
class Added:
    """The files of a new table; `notes` say what a person should know of them."""

    design: Design
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    exit_code: int = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a file."""
        return [{"file": str(one.path), "action": one.word} for one in self.changes]

    @property
    def summary(self) -> str:
        """One line for a person."""
        design = self.design
        what = f"table {design.name}: {len(design.columns)} columns, key {', '.join(design.key)}"
        if self.dry_run:
            return f"would add {what}; nothing was written"
        return f"added {what}; next: bictl run --table {design.name}"


def add(
    reader: "TopicReader",
    settings: Settings,
    *,
    topic: str,
    name: str | None = None,
    key: Sequence[str] = (),
    embed: Sequence[str] = (),
    schema_topic: str | None = None,
    columns_file: Path | None = None,
    modes: Mapping[str, str] = _NO_MODES,
    force: bool = False,
    dry_run: bool = False,
) -> Added:
    """Writes everything that a topic needs to become a table, or says what it would write.

    Raises ConfigError for a table that is there already, or a configuration that cannot be added
    to; NotFound for a topic or column that is not there; StageFailed where nothing tells the
    columns.
    """
    chosen = name or table_name(topic)
    check_table_name(chosen)
    _refuse_known(settings, chosen, topic)
    place.config_path(settings)
    seen = _seen(reader, topic, key=key, schema_topic=schema_topic, columns_file=columns_file)
    described = _described(reader, seen, topic, schema_topic=schema_topic, file=columns_file)
    columns, notes = settle(seen, described)
    design = design_table(
        Table(name=chosen, topic=topic),
        columns,
        key=_key(key, seen, described, columns),
        earlier=seen.earlier if seen else None,
        embed=embed,
        modes=modes,
    )
    changes = _changes(settings, design, force=force)
    if not dry_run:
        place.write_all(changes)
    return Added(design=design, changes=tuple(changes), notes=tuple(notes), dry_run=dry_run)


def design_table(
    table: Table,
    columns: Sequence[Column],
    *,
    key: Sequence[str],
    earlier: Sequence[Column] | None = None,
    embed: Sequence[str] = (),
    modes: Mapping[str, str] = _NO_MODES,
) -> Design:
    """The table with our names for its columns."""
    names = column_names(columns, table=table.name, key=key)
    by_name = {column.name: column for column in columns}
    return Design(
        name=table.name,
        topic=table.topic,
        bronze=table.bronze,
        staging=table.staging,
        columns=tuple(columns),
        key=tuple(key),
        key_types=tuple(_WHOLE.get(by_name[one].type, "text") for one in key),
        names=names,
        filled=filled(columns, earlier=earlier),
        embed=tuple(_embedded(one, names) for one in embed),
        modes=modes,
    )


def _refuse_known(settings: Settings, name: str, topic: str) -> None:
    for table in settings.tables.values():
        if table.topic == topic or table.name == name:
            what = f"topic {topic}" if table.topic == topic else f"table {name}"
            raise ConfigError(
                f"the {what} is configured already, as [tables.{table.name}]",
                hint=f"bictl tables sync --table {table.name} follows changes of its columns"
                if table.topic == topic
                else "give another --name",
            )


def _seen(
    reader: "TopicReader",
    topic: str,
    *,
    key: Sequence[str],
    schema_topic: str | None,
    columns_file: Path | None,
) -> Sample | None:
    """The topic's newest row; None where it has none yet and the columns come from elsewhere."""
    try:
        return sample(reader, topic)
    except StageFailed:
        if schema_topic or columns_file:
            return None
        raise


def _described(
    reader: "TopicReader",
    seen: Sample | None,
    topic: str,
    *,
    schema_topic: str | None,
    file: Path | None,
) -> SourceTable | None:
    """Who knows the source's own types: the file, the schema-change topic that was named, or the
    one that the connector writes where the records bring no schema."""
    wanted = (seen.source if seen else ()) or tuple(topic.split(".")[-3:])
    if file is not None:
        return read_columns(file, wanted=wanted)
    if schema_topic:
        return described_in(reader, schema_topic, wanted=wanted)
    if seen is None or seen.columns is not None:
        return None
    try:
        return described_in(reader, seen.prefix or topic.split(".", maxsplit=1)[0], wanted=wanted)
    except NotFound:
        raise StageFailed(
            f"the records of {topic} bring no schema, so their columns are not known",
            hint=_NO_COLUMNS,
        ) from None


def settle(
    seen: Sample | None, described: SourceTable | None
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns that are on the wire, with the source's own types where they are known; and what
    is left out."""
    if described is None:
        return (seen.columns if seen and seen.columns else ()), []
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


def _key(
    given: Sequence[str],
    seen: Sample | None,
    described: SourceTable | None,
    columns: Sequence[Column],
) -> tuple[str, ...]:
    key = tuple(given)
    if not key and seen:
        key = tuple(column.name for column in seen.key)
    if not key and described:
        key = described.key
    if not key:
        raise StageFailed(
            "the topic's records have no key (a table without a primary key)",
            hint="name the columns that identify a row: --key COLUMN, one for each",
        )
    existing = [column.name for column in columns]
    for name in key:
        if name not in existing:
            raise NotFound("column", name, existing=existing, where="in the topic's rows")
    return key


def _embedded(wanted: str, names: Mapping[str, str]) -> str:
    """Our name of a column that is named by the source's name or by ours."""
    if wanted in names:
        return names[wanted]
    if wanted in names.values():
        return wanted
    existing = nearest(wanted, names.values())
    raise NotFound("column", wanted, existing=existing, where="to embed")


def _changes(settings: Settings, design: Design, *, force: bool) -> list[Change]:
    """The project's files first, the configuration that names them last."""
    project = place.project_dir(settings)
    changes = place.project_changes(project)
    folder = project / "models" / "staging" / design.name
    model, yaml = folder / f"{design.staging}.sql", folder / "schema.yml"
    with_source = yaml.is_file() or not place.knows_source(project, design.bronze)
    written = [
        place.change(model, model_sql(design)),
        place.change(yaml, schema_yml(design, with_source=with_source)),
    ]
    for one in written:
        if one.word == "changed" and not force:
            raise ConfigError(
                f"{one.path} is there already and says something else",
                hint=f"--force replaces it; or give another --name than {design.name}",
            )
    if shadowing := place.without_shipped(project, design.name):
        changes = [one for one in changes if one.path != shadowing.path] + [shadowing]
    section = config_section(design)
    config = place.config_change(settings, section, name=design.name, project=project)
    return [*changes, *written, config]
