"""Three tables of one shape: product and two small ones, each with its own topic and model."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bictl import assets
from bictl import settings as configured
from bictl.settings import Settings

OTHERS = ("category", "maker")
NAMES = ("product", *OTHERS)
COUNT = 12
OLD = 1_715_680_000_000


@dataclass(frozen=True)
class ThreeTables:
    """The settings with all three tables, and the dbt project that they share."""

    settings: Settings
    project: Path

    def model(self, table: str) -> Path:
        """The SQL of a table's staging model."""
        return self.project / "models" / "staging" / "product" / f"stg_{table}.sql"


def configure(settings: Settings, folder: Path) -> ThreeTables:
    """Adds the two tables to the test's own file, with a project that has a model for each."""
    project = folder / "dbt"
    shutil.copytree(assets.path("dbt"), project)
    shutil.rmtree(project / "models" / "staging" / "category")  # shipped, and of another shape
    tables = ThreeTables(settings, project)
    text = tables.model("product").read_text(encoding="utf-8")
    sources = project / "models" / "sources.yml"
    source = sources.read_text(encoding="utf-8")
    line = next(one for one in source.split("\n") if one.strip() == "- name: product_cdc")
    topic = settings.table("product").topic
    with settings.path.open("a", encoding="utf-8") as config:
        config.write(f'\n[dbt]\nproject_dir = "{project}"\n')
        for name in OTHERS:
            config.write(
                f'\n[tables.{name}]\ntopic = "{topic}.{name}"\nkey = ["ID"]\n'
                f'id = "product_id"\nembed = ["name"]\n'
            )
            tables.model(name).write_text(text.replace("product_cdc", f"{name}_cdc"))
            source = source.replace(line, f"{line}\n{line.replace('product', name)}")
    sources.write_text(source, encoding="utf-8")
    environment = {"BICTL_STATE_DIR": str(settings.state_dir)}
    found = configured.load(config=str(settings.path), environment=environment)
    return replace(tables, settings=found)


def event(number: int) -> tuple[bytes, bytes]:
    """A created row of any of the tables, as Debezium writes it without a schema."""
    row = (
        f'{{"ID":{number},"Name":"Pump {number}",'
        f'"VendorCode":"P-{number}","Description":null,"Weight":null,"Length":null,"Width":null,'
        f'"Height":null,"Volume":null,"Price":null,"IsActive":true,"CategoryID":null,'
        f'"ManufacturerID":null,"Created":{OLD * 1_000_000},"Updated":null}}'
    )
    source = (
        f'{{"snapshot":"false","ts_ms":{OLD},"commit_lsn":"{number:08x}:00000000:0001",'
        f'"change_lsn":"{number:08x}:00000000:0002"}}'
    )
    return (
        f'{{"ID":{number}}}'.encode(),
        f'{{"before":null,"after":{row},"source":{source},"op":"c","ts_ms":{OLD}}}'.encode(),
    )


def fill(
    produce: Callable[..., int], settings: Settings, names: Iterable[str], count: int = COUNT
) -> None:
    """Writes `count` rows to the topics of these tables."""
    for name in names:
        produce(
            settings.table(name).topic,
            [(*event(number), [], OLD, 0) for number in range(1, count + 1)],
        )
