"""Bronze tables and staging views that a test makes up, several by one run of dbt."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bictl import assets
from bictl.bronze import migrate
from bictl.clients import Clients
from bictl.clients.dbt import Dbt
from bictl.settings import Settings, Table


def make_models(
    settings: Settings, clients: Clients, directory: Path, texts: Mapping[str, str]
) -> dict[str, Table]:
    """By name: the table whose bronze table is `bronze.<name>` and whose view, of the given text,
    is `staging_staging.stg_<name>`. The other parts are those of the table `product`."""
    project = directory / "dbt"
    shutil.copytree(assets.path("dbt"), project)
    product = settings.table("product")
    tables = {
        name: replace(
            product,
            name=name,
            bronze=f"bronze.{name}",
            prefix=f"{name}/raw/",
            staging=f"stg_{name}",
        )
        for name in texts
    }
    migrate(clients.database, tables.values())
    for name, text in texts.items():
        path = project / "models" / "staging" / f"stg_{name}.sql"
        path.write_text(text, encoding="utf-8")
    options = replace(settings.dbt, project_dir=str(project))
    dbt = Dbt(options, settings.postgres, state_dir=settings.state_dir)
    nodes = dbt.build([f"stg_{name}" for name in texts], on_node=lambda node: None)
    assert {node.state for node in nodes} == {"ok"}, nodes
    return tables
