"""A new table: what the topic says of itself, as configuration, staging model, tests and yaml."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bictl.columns import Column, SourceTable
from bictl.errors import ConfigError, NotFound, StageFailed, nearest
from bictl.settings import Settings, Table
from bictl.tables import place
from bictl.tables.describe import Sample
from bictl.tables.names import check_table_name, column_names, table_name
from bictl.tables.place import Change
from bictl.tables.render import Design, config_section, filled, model_sql, schema_yml
from bictl.tables.settle import look, settle

if TYPE_CHECKING:
    from bictl.clients.topics import TopicReader

_NO_MODES: Mapping[str, str] = {}
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
    before_write: Callable[[], None] = lambda: None,
) -> Added:
    """Writes everything that a topic needs to become a table, or says what it would write.

    `before_write` may raise: then no file was touched.
    Raises ConfigError for a table that is there already, or a configuration that cannot be added
    to; NotFound for a topic or column that is not there; StageFailed where nothing tells the
    columns.
    """
    chosen = name or table_name(topic)
    check_table_name(chosen)
    _refuse_known(settings, chosen, topic)
    place.config_path(settings)
    seen, described = look(reader, topic, schema_topic=schema_topic, columns_file=columns_file)
    columns, notes = settle(seen, described, topic=topic)
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
        before_write()
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
    changes = place.project_changes(project, settings.tables.values())
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
    section = config_section(design)
    config = place.config_change(settings, section, name=design.name, project=project)
    return [*changes, *written, config]
