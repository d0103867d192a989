"""A table's model after its source: columns that came, went or changed their type."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bictl.clients.dbt import Dbt
from bictl.columns import Column
from bictl.errors import ConfigError, NotFound
from bictl.model_file import Model, Shown, read_model
from bictl.settings import Settings, Table
from bictl.tables import place
from bictl.tables.names import column_names
from bictl.tables.place import Change
from bictl.tables.render import yaml_name
from bictl.tables.settle import columns_of
from bictl.verify.evolution import Difference, difference

if TYPE_CHECKING:
    from bictl.clients.topics import TopicReader

_ITEM = r"(?m)^      - name: {name}[ \t]*\n(?:(?:        .*)?\n)*?(?=^ {{0,6}}\S|\Z)"
_META = re.compile(r"(?m)^      - name: cdc_operation[ \t]*$")


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What became of each table's model."""

    tables: tuple["Followed", ...]
    dry_run: bool = False

    exit_code: int = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a column that changed."""
        return [row for table in self.tables for row in table.rows]

    @property
    def changes(self) -> list[Change]:
        """The files that change."""
        return [one for table in self.tables for one in table.changes if one.word != "unchanged"]

    @property
    def summary(self) -> str:
        """One line for a person."""
        said = "; ".join(table.words for table in self.tables if table.difference)
        if not said:
            names = ", ".join(table.name for table in self.tables)
            return f"nothing to do: {names} as the source is"
        if self.dry_run:
            return f"would change {said}; nothing was written"
        names = " ".join(f"--table {t.name}" for t in self.tables if t.difference)
        more = "" if names.count("--table") > 1 else f" {names}"
        return f"changed {said}; next: bictl transform{more}"


@dataclass(frozen=True, kw_only=True)
class Followed:
    """One table: the difference, our names for new columns, the files."""

    name: str
    difference: Difference
    names: dict[str, str]
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a column that changed."""
        kinds = (
            ("added", self.difference.added),
            ("retyped", self.difference.retyped),
            ("dropped", tuple(Column(name, "") for name in self.difference.dropped)),
        )
        return [
            {
                "table": self.name,
                "change": kind,
                "source": column.name,
                "type": column.type,
                "column": self.names.get(column.name, ""),
            }
            for kind, columns in kinds
            for column in columns
        ]

    @property
    def words(self) -> str:
        """What changes, in words."""
        parts = [f"{row['change']} {row['source']}" for row in self.rows]
        return f"{self.name}: {', '.join(parts)}"


def sync(
    reader: "TopicReader",
    settings: Settings,
    *,
    tables: Sequence[Table],
    schema_topic: str | None = None,
    columns_file: Path | None = None,
    dry_run: bool = False,
    before_write: Callable[[], None] = lambda: None,
) -> Synced:
    """Brings the tables' models to the columns that the newest records have; what a person changed
    in the files stays, names of columns above all. `before_write` may raise: then the files of this
    table and of those behind it were not touched.

    Raises NotFound for a model that is not there, ConfigError for one that is not made of literals
    or whose key column went.
    """
    dbt = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)
    followed = []
    for table in tables:
        file = dbt.model_file(table.staging)
        if file is None:
            raise NotFound(
                "dbt model", table.staging, existing=dbt.models(), where=f"in {dbt.project_dir}"
            )
        columns, notes = columns_of(
            reader, table.topic, schema_topic=schema_topic, columns_file=columns_file
        )
        followed.append(_follow(settings, table, file, columns, notes))
        if not dry_run:  # at once: the next table's changes may be of the same files
            before_write()
            place.write_all(followed[-1].changes)
    return Synced(tables=tuple(followed), dry_run=dry_run)


def _follow(
    settings: Settings, table: Table, file: Path, columns: Sequence[Column], notes: list[str]
) -> Followed:
    model = read_model(file.read_text(encoding="utf-8"))
    if model is None:
        raise ConfigError(
            f"{file} is not made of literal columns, so it is not changed",
            hint="change it by hand: bictl verify names the columns",
        )
    found = difference(model, columns)
    names = _names(table, model, columns)
    if not found:
        return Followed(name=table.name, difference=found, names=names, notes=tuple(notes))
    for name in found.dropped:
        if name in model.key:
            raise ConfigError(
                f"the key column {name} of {table.name} is gone from the source",
                hint="this is another table now: bictl tables add with another --name",
            )
    if untyped := [column.name for column in found.added if not column.type]:
        raise ConfigError(
            f"the types of new columns of {table.name} are not known: {', '.join(untyped)}",
            hint="bictl tables sync with --from-schema-topic or --columns FILE",
        )
    target, around = _own(settings, file)
    text = model.changed(
        retyped={column.name: column.type for column in found.retyped},
        dropped=found.dropped,
        added=[Shown(column.name, column.type, names[column.name]) for column in found.added],
    )
    yaml, more = _yaml(file, target, found, names)
    written = [place.change(target, text), *yaml]
    copied = [one for one in around if one.path not in {change.path for change in written}]
    return Followed(
        name=table.name,
        difference=found,
        names=names,
        changes=(*written, *copied),
        notes=(*notes, *more, *_renames(model, found)),
    )


def _names(table: Table, model: Model, columns: Sequence[Column]) -> dict[str, str]:
    """Ours by the source's: those of the model stay, whoever gave them; that of a column that went
    is free again."""
    known = {column.source: column.name for column in model.columns}
    here = {column.name for column in columns}
    kept = {source: name for source, name in known.items() if source in here}
    return known | column_names(columns, table=table.name, key=model.key, known=kept)


def _own(settings: Settings, file: Path) -> tuple[Path, list[Change]]:
    """Where the table's model is to be: in place, or, where it is one of bictl's own, which the
    next upgrade brings again, in a project of the user's beside the configuration."""
    project = place.project_dir(settings)
    if file.is_relative_to(project):
        return file, []
    changes = place.project_changes(project, settings.tables.values())
    if not settings.dbt.project_dir:
        changes.append(place.project_config_change(settings, project))
    return project / file.relative_to(_root(file)), changes


def _root(file: Path) -> Path:
    """The project that a model belongs to."""
    return next(one for one in file.parents if (one / "dbt_project.yml").is_file())


def _yaml(
    file: Path, target: Path, found: Difference, names: dict[str, str]
) -> tuple[list[Change], list[str]]:
    """The model's yaml without the columns that went and with those that came."""
    path, source = target.with_name("schema.yml"), file.with_name("schema.yml")
    if not source.is_file():
        return [], [f"{path} is not there: what it says of the columns is not changed"]
    text = source.read_text(encoding="utf-8")
    for name in found.dropped:
        text = re.sub(_ITEM.format(name=re.escape(yaml_name(names[name]))), "", text, count=1)
    lines = "".join(_entry(names[column.name]) for column in found.added)
    place_of = _META.search(text)
    if place_of is None:
        return [], [f"{path} has no entry for cdc_operation: add the new columns by hand"]
    text = f"{text[: place_of.start()]}{lines}{text[place_of.start() :]}"
    return [place.change(path, text)], []


def _entry(name: str) -> str:
    """Without a test: rows that did not change since then do not have the column."""
    quoted = yaml_name(name)
    return f"      - name: {quoted}\n" + ("        quote: true\n" if quoted != name else "")


def _renames(model: Model, found: Difference) -> list[str]:
    """What a person should know of columns that came."""
    notes = []
    types = {column.source: column.type for column in model.columns}
    for gone in found.dropped:
        for came in found.added:
            if came.type in {types[gone], ""}:
                notes.append(f"{came.name} may be {gone} under a new name")
    if found.added:
        listed = ", ".join(column.name for column in found.added)
        notes.append(
            f"rows that did not change since {listed} came are NULL there until a snapshot reads"
            " them again (bictl cdc snapshot)"
        )
    return notes
