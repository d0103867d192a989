"""Bronze filled with given records, and a staging view over it.

A model is compiled once a session, by dbt; each test then makes the compiled view in its own
database. The tests of the stage itself run dbt.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from batches import Written, seal

from bictl import assets
from bictl.bronze import load, migrate
from bictl.clients import Clients
from bictl.clients.dbt import Dbt
from bictl.settings import Settings

COMMIT = "0000002a:000003f0:"
TIME = 1_715_682_225_123


@dataclass
class Staging:
    """A migrated database with a staging view over what is loaded."""

    settings: Settings
    clients: Clients
    view: str = "staging_staging.stg_product"

    def load(self, records: Iterable[Written], **options: object) -> None:
        """Seals the records as one batch of one partition, and loads it."""
        table = self.settings.table("product")
        seal(self.clients.objects, table, list(records), **options)
        load(self.clients.objects, self.clients.database, table=table, run="test")

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        return self.clients.database.rows(query, parameters)

    def names(self) -> dict[int, str]:
        """product_id → name of what staging shows."""
        return dict(self.rows(f"select product_id, name from {self.view}"))

    def one(self, columns: str) -> tuple:
        (row,) = self.rows(f"select {columns} from {self.view}")
        return row


@dataclass(frozen=True)
class Compiled:
    """A model's SQL as dbt compiled it for the database `dbname`."""

    text: str
    dbname: str

    def create(self, clients: Clients, view: str) -> None:
        text = self.text.replace(f'"{self.dbname}".', f'"{clients.settings.postgres.dbname}".')
        clients.database.script(
            f"create schema if not exists staging_staging; create view {view} as {text}"
        )


@pytest.fixture(scope="session")
def compiled() -> dict[str, Compiled]:
    """What this session has compiled, by model."""
    return {}


@pytest.fixture
def view_of(settings, clients, compiled, tmp_path_factory) -> Callable[..., Staging]:
    """`view_of(model, text=None)`: a view of the shipped model, or of one with that text."""
    migrate(clients.database, settings.tables.values())

    def create(model: str = "stg_product", text: str | None = None) -> Staging:
        view = f"staging_staging.{model}"
        if model in compiled:
            compiled[model].create(clients, view)
        else:
            project = tmp_path_factory.mktemp("project") / "dbt"
            shutil.copytree(assets.path("dbt"), project)
            if text is not None:
                (project / "models" / "staging" / f"{model}.sql").write_text(text, encoding="utf-8")
            compiled[model] = build(settings, project, model)
        return Staging(settings, clients, view)

    return create


def build(settings: Settings, project: Path, model: str) -> Compiled:
    """Lets dbt make the view, and keeps its compiled SQL."""
    options = replace(settings.dbt, project_dir=str(project))
    dbt = Dbt(options, settings.postgres, state_dir=settings.state_dir)
    nodes = dbt.build([model], on_node=lambda node: None)
    assert {node.state for node in nodes} == {"ok"}, nodes
    (path,) = (dbt.directory / "target" / "compiled").rglob(f"{model}.sql")
    return Compiled(path.read_text(encoding="utf-8"), settings.postgres.dbname)


@pytest.fixture
def staging(view_of) -> Staging:
    """stg_product over an empty bronze table."""
    return view_of()


@dataclass
class Events:
    """Records of one partition, as Debezium's SQL Server connector writes them without schemas."""

    offset: int = 0

    def change(
        self,
        op: str,
        id: int,
        name: str | None = None,
        *,
        lsn: int | None = None,
        snapshot: str = "false",
        at: int = TIME,
        **columns: object,
    ) -> Written:
        """An event; `lsn` is its place in the source's history, `at` Kafka's time."""
        row = {"ID": id, "Name": name, **columns}
        source = {
            "ts_ms": TIME,
            "snapshot": snapshot,
            "change_lsn": None if snapshot != "false" or lsn is None else f"{COMMIT}{lsn:04x}",
            "commit_lsn": None if lsn is None else f"{COMMIT}{lsn:04x}",
        }
        value = {
            "before": row if op == "d" else None,
            "after": None if op == "d" else row,
            "source": source,
            "op": op,
            "ts_ms": TIME,
        }
        return self.record(id, value, at=at)

    def tombstone(self, id: int, *, at: int = TIME) -> Written:
        return self.record(id, None, at=at)

    def record(self, id: int | None, value: object, *, at: int = TIME) -> Written:
        """Any record; without an id it has no key."""
        key = None if id is None else json.dumps({"ID": id}).encode()
        raw = None if value is None else json.dumps(value, ensure_ascii=False).encode()
        self.offset += 1
        return Written(self.offset - 1, key, raw, (), at)


@pytest.fixture
def events() -> type[Events]:
    """`events(offset=0)`: a partition's records from that offset on."""
    return Events
