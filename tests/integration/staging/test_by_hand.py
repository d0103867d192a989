"""dbt as a person runs it in dbt/, without bictl."""

import os
import shutil
import subprocess
import sys

import pytest

from bictl import assets
from bictl.bronze import migrate


@pytest.fixture
def dbt(settings, clients, tmp_path):
    """`dbt("run", …)` in a copy of the project, with libpq's own variables."""
    migrate(clients.database, settings.tables.values())
    project = tmp_path / "dbt"
    shutil.copytree(assets.path("dbt"), project)
    postgres = settings.postgres
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("DBT_")},
        "PGHOST": postgres.host,
        "PGPORT": str(postgres.port),
        "PGDATABASE": postgres.dbname,
        "PGUSER": postgres.user,
        "PGPASSWORD": postgres.password.reveal(),
    }

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_dbt_run_works_and_parses_only_once(dbt, clients):
    first = dbt("--no-use-colors", "run", "--select", "stg_product")
    again = dbt("--no-use-colors", "run", "--select", "stg_product")

    assert "PASS=1" in first
    assert "PASS=1" in again
    assert "Starting full parse" in first
    assert "parse" not in again
    assert clients.database.value("select count(*) from staging_staging.stg_product") == 0


def test_the_profile_defaults_to_the_documented_database():
    text = (assets.path("dbt") / "profiles.yml").read_text()

    for default in ("'PGHOST', 'localhost'", "'PGPORT', '5433'", "'PGDATABASE', 'analytics'"):
        assert default in text
