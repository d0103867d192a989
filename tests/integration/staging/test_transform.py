"""The stage: what dbt did, said in our words, whatever happens to it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from batches import Written, seal
from environment import plain_environment

from bictl import assets
from bictl.bronze import load, migrate
from bictl.clients import Clients
from bictl.clients.dbt import Dbt
from bictl.errors import ConfigError, MissingDependency, NotFound, StageFailed, Unreachable
from bictl.staging import fingerprint, transform

VIEW = "staging_staging.stg_product"


class Stage:
    """A migrated database and the stage over it."""

    def __init__(self, settings, clients):
        self.settings, self.clients, self.database = settings, clients, clients.database
        self.table = settings.table("product")
        self.steps = []

    def dbt(self, **changes):
        settings = self.settings
        return Dbt(
            replace(settings.dbt, **changes), settings.postgres, state_dir=settings.state_dir
        )

    def transform(self, dbt=None, **options):
        given = {"tables": [self.table], "on_progress": self.steps.append} | options
        return transform(dbt or self.dbt(), self.database, **given)

    def load(self, *records):
        seal(self.clients.objects, self.table, records)
        load(self.clients.objects, self.database, table=self.table, run="test")

    def names(self):
        return dict(self.database.rows(f"select product_id, name from {VIEW}"))

    def project(self, path: Path):
        """A copy of the shipped project that a test may change."""
        shutil.copytree(assets.path("dbt"), path / "dbt")
        return path / "dbt"


@pytest.fixture
def stage(settings, clients):
    migrate(clients.database, settings.tables.values())
    return Stage(settings, clients)


def listing(directory: Path):
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*")}


def test_a_run_builds_the_view_tests_it_and_leaves_the_project_alone(stage, events):
    stage.load(events().change("c", 1, "a"))
    before = listing(assets.path("dbt"))

    result = stage.transform()

    assert [(row["kind"], row["state"]) for row in result.rows] == [
        ("model", "ok"),
        *[("test", "ok")] * 4,
    ]
    assert result.views == {"stg_product": 1}
    assert result.summary == "stg_product has 1 row, 4 tests passed"
    assert stage.names() == {1: "a"}
    assert (stage.steps[-1].done, stage.steps[-1].total) == (5, 5)
    assert listing(assets.path("dbt")) == before


def test_the_view_has_the_nineteen_columns(stage):
    stage.transform()

    columns = stage.database.rows(
        """select attname, format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 order by attnum""",
        [VIEW],
    )
    assert columns == [
        ("product_id", "integer"),
        ("name", "text"),
        ("vendor_code", "text"),
        ("description", "text"),
        ("weight", "numeric(18,4)"),
        ("length", "numeric(18,4)"),
        ("width", "numeric(18,4)"),
        ("height", "numeric(18,4)"),
        ("volume", "numeric(18,6)"),
        ("price", "numeric(19,4)"),
        ("is_active", "boolean"),
        ("category_id", "integer"),
        ("manufacturer_id", "integer"),
        ("created_at", "timestamp without time zone"),
        ("updated_at", "timestamp without time zone"),
        ("cdc_operation", "text"),
        ("source_timestamp", "timestamp with time zone"),
        ("is_snapshot", "boolean"),
        ("ingested_at", "timestamp with time zone"),
    ]


def test_nothing_is_done_again_until_something_changes(stage, events, tmp_path):
    p = events()
    stage.load(p.change("c", 1, "a"))
    dbt = stage.dbt(project_dir=str(stage.project(tmp_path)))
    stage.transform(dbt)

    assert stage.transform(dbt).summary == "nothing to do: stg_product as tested before"

    stage.load(p.change("c", 2, "b"))
    stage.database.execute(f"drop view {VIEW}")
    assert stage.transform(dbt).views == {"stg_product": 2}
    assert not stage.transform(dbt).nodes


def test_each_thing_that_the_tests_depend_on_is_noticed(stage, events, tmp_path):
    dbt = stage.dbt(project_dir=str(stage.project(tmp_path)))
    seen = [fingerprint(dbt, stage.database, stage.table)]
    changes = (
        lambda: stage.load(events().change("c", 1, "a")),
        lambda: stage.database.execute("delete from bronze.product_cdc"),
        lambda: stage.database.execute("update bronze.cdc_generation set generation_no = 7"),
        lambda: (dbt.project_dir / "models" / "new.sql").write_text("select 1"),
        lambda: stage.database.script(
            f"create schema staging_staging; create view {VIEW} as select 1 as product_id"
        ),
        lambda: stage.database.execute(f"create or replace view {VIEW} as select 2 as product_id"),
    )
    for change in changes:
        change()
        seen.append(fingerprint(dbt, stage.database, stage.table))

    assert all(seen[n] != seen[n + 1] for n in range(len(changes)))
    assert fingerprint(dbt, stage.database, stage.table) == seen[-1]


def test_a_failing_test_is_a_failure_each_time_and_names_its_sql(stage, events):
    stage.load(events().change("c", 1, None), Written(1, b'{"ID":2}', b'{"ID":2,"Name":null}'))

    for _ in range(2):
        with pytest.raises(StageFailed) as failed:
            stage.transform()

    assert failed.value.exit_code == 1
    assert "dbt test not_null_stg_product_name: Got 2 results" in failed.value.message
    sql = Path(re.search(r"its SQL is in (.*)", failed.value.hint)[1])
    assert f'"{stage.settings.postgres.dbname}"."staging_staging"."stg_product"' in sql.read_text()


def test_a_failing_model_says_what_the_database_said_and_keeps_the_old_view(
    stage, events, tmp_path
):
    stage.load(events().change("c", 1, "a"))
    dbt = stage.dbt(project_dir=str(stage.project(tmp_path)))
    stage.transform(dbt)
    model = dbt.project_dir / "models" / "staging" / "product" / "stg_product.sql"
    model.write_text("select no_such_column from bronze.product_cdc")

    with pytest.raises(StageFailed) as failed:
        stage.transform(dbt)

    assert 'column "no_such_column" does not exist' in failed.value.message
    assert "dbt model stg_product" in failed.value.message
    assert "4 tests" not in failed.value.message
    sql = Path(re.search(r"its SQL is in (.*)", failed.value.hint)[1])
    assert "no_such_column" in sql.read_text()
    assert stage.names() == {1: "a"}


def test_a_project_that_does_not_parse_is_said_with_its_file(stage, tmp_path):
    dbt = stage.dbt(project_dir=str(stage.project(tmp_path)))
    (dbt.project_dir / "models" / "broken.sql").write_text("select {{ nothing( }}")

    with pytest.raises(StageFailed, match=r"model broken \(models/broken.sql\)"):
        stage.transform(dbt)


def test_an_unknown_model_lists_those_that_exist(stage):
    with pytest.raises(NotFound) as unknown:
        stage.transform(tables=[replace(stage.table, staging="stg_products")])

    assert "did you mean 'stg_product'?" in unknown.value.hint


def test_a_directory_without_a_project_is_a_wrong_setting(stage, tmp_path):
    with pytest.raises(ConfigError, match=r"dbt_project.yml"):
        stage.dbt(project_dir=str(tmp_path))


def test_without_dbt_the_package_is_named(stage, monkeypatch):
    from importlib import metadata

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(MissingDependency) as error:
        stage.transform()

    assert "dbt-core" in error.value.hint


def test_a_database_that_does_not_answer_is_unreachable(stage):
    away = replace(stage.settings, postgres=replace(stage.settings.postgres, port=1))
    with Clients(away) as clients, pytest.raises(Unreachable):
        transform(stage.dbt(), clients.database, tables=[stage.table])


def test_the_password_is_in_no_file(stage):
    stage.transform()

    password = stage.settings.postgres.password.reveal().encode()
    assert password
    files = [path for path in stage.dbt().directory.rglob("*") if path.is_file()]
    assert (stage.dbt().directory / "profiles.yml").stat().st_mode & 0o077 == 0
    assert [path for path in files if password in path.read_bytes()] == []


# What happens to dbt while it is at work ---------------------------------------------------------


def waiting(database, pattern):
    """Whether a dbt query that matches is at work in this database."""
    return database.value(
        """select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
            and state = 'active' and query ~ %s""",
        [pattern],
    )


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if "dbt" in Path(f"/proc/{child}/cmdline").read_text()]


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(") ")[2][0] != "Z"


@pytest.fixture
def meanwhile(stage):
    """`meanwhile(pattern, action)`: does it in a thread once dbt runs a query that matches."""
    threads = []

    def start(pattern, action):
        def watch():
            with Clients(stage.settings) as clients:
                wait_until(lambda: waiting(clients.database, pattern))
            action()

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


@pytest.fixture
def locked(stage):
    """While it is held, a model's `create view` waits."""
    holder = stage.clients.new_database()
    holder.execute("begin")
    holder.execute("lock table bronze.product_cdc in access exclusive mode")
    yield holder
    holder.close()


SLOW_TEST = "select 1 as x from {{ ref('stg_product') }} where pg_sleep(5) is null"


@pytest.mark.parametrize("at", ["model", pytest.param("test", marks=pytest.mark.sweep)])
def test_killed_in_the_middle_a_plain_rerun_does_it(
    stage, events, meanwhile, tmp_path, request, at
):
    stage.load(events().change("c", 1, "a"))
    dbt = stage.dbt(project_dir=str(stage.project(tmp_path)))
    slow = dbt.project_dir / "tests" / "slow.sql"
    if at == "model":
        holder = request.getfixturevalue("locked")
    else:
        slow.parent.mkdir()
        slow.write_text(SLOW_TEST)

    def kill():
        (child,) = children(os.getpid())
        os.killpg(child, signal.SIGKILL)

    meanwhile("create view" if at == "model" else "pg_sleep", kill)
    with pytest.raises(StageFailed, match="killed by signal 9"):
        dbt.build(["stg_product"], on_node=lambda node: None)
    assert children(os.getpid()) == []
    there = stage.database.value("select to_regclass(%s)", [VIEW]) is not None
    assert there == (at == "test")

    if at == "model":
        holder.close()
    else:
        slow.unlink()
    result = stage.transform(dbt)
    assert {row["state"] for row in result.rows} == {"ok"}
    assert stage.names() == {1: "a"}


@pytest.fixture
def endless(stage, events, tmp_path):
    """A dbt whose test never ends by itself."""
    stage.load(events().change("c", 1, "a"))
    dbt = stage.dbt(project_dir=str(stage.project(tmp_path)))
    (dbt.project_dir / "tests").mkdir()
    (dbt.project_dir / "tests" / "slow.sql").write_text(SLOW_TEST.replace("5", "600"))
    return dbt


def test_the_queries_of_a_killed_dbt_end_with_it(stage, endless, meanwhile):
    meanwhile("pg_sleep", lambda: os.killpg(children(os.getpid())[0], signal.SIGKILL))

    with pytest.raises(StageFailed, match="killed by signal 9"):
        stage.transform(endless)

    wait_until(lambda: not waiting(stage.database, "pg_sleep"), seconds=10)


def test_the_queries_of_a_dbt_that_died_with_its_bictl_end_at_the_next_start(
    stage, endless, meanwhile
):
    meanwhile("pg_sleep", lambda: os.killpg(children(os.getpid())[0], signal.SIGKILL))
    with pytest.raises(StageFailed):
        endless.build(["stg_product"], on_node=lambda node: None)  # without ending its queries
    assert waiting(stage.database, "pg_sleep")

    (endless.project_dir / "tests" / "slow.sql").unlink()
    stage.transform(endless)

    assert not waiting(stage.database, "pg_sleep")


def test_stopping_ends_dbt_and_its_queries(stage, locked, meanwhile):
    asked = threading.Event()
    meanwhile("create view", asked.set)

    dbt, other = stage.dbt(), stage.clients.new_database()
    nodes = dbt.build(["stg_product"], on_node=lambda node: None, stop=asked.is_set)

    assert all(node.kind != "test" or node.state == "skipped" for node in nodes)
    assert children(os.getpid()) == []
    wait_until(lambda: not waiting(other, "create view"))
    other.close()


def killed_while_dbt_waits(stage, environment=None):
    """Kills a bictl whose dbt waits for the locked table; returns when dbt and its query ended."""
    environment = {
        **plain_environment(),
        "BICTL_CONFIG": str(stage.settings.path),
        "BICTL_STATE_DIR": str(stage.settings.state_dir),
        **(environment or {}),
    }
    # The stage itself waits for the locked table before dbt starts, so dbt is started alone.
    code = (
        "from bictl.settings import load; from bictl.clients.dbt import Dbt; s = load();"
        "Dbt(s.dbt, s.postgres, state_dir=s.state_dir).build(['stg_product'], on_node=print)"
    )
    bictl = subprocess.Popen([sys.executable, "-c", code], env=environment)
    other = stage.clients.new_database()
    wait_until(lambda: waiting(other, "create view"))
    (dbt,) = children(bictl.pid)

    bictl.kill()
    bictl.wait()

    wait_until(lambda: not waiting(other, "create view") and not alive(dbt))
    other.close()


def test_dbt_does_not_outlive_a_killed_bictl(stage, locked):
    killed_while_dbt_waits(stage)


@pytest.mark.sweep
def test_dbt_and_its_query_end_though_it_was_interrupted_at_a_bad_moment(stage, locked, tmp_path):
    """It leaves its queries alone, and waits for the one that waits."""
    hit = tmp_path / "hit"
    (tmp_path / "sitecustomize.py").write_text(f"""
import signal, sys

def interrupt(number, frame):
    if task := sys.modules.get("dbt.task.runnable"):
        open({str(hit)!r}, "w").close()
        task.GraphRunnableTask._cancel_connections = lambda self, pool: None
    raise KeyboardInterrupt

signal.signal(signal.SIGINT, interrupt)
""")

    killed_while_dbt_waits(stage, {"PYTHONPATH": str(tmp_path)})

    assert hit.exists()


def test_the_command_tells_it_as_json_and_then_has_nothing_to_do(stage, cli, events):
    stage.load(events().change("c", 1, "a"))

    first, second = cli("transform", "--json"), cli("transform")

    document = json.loads(first.stdout)
    assert (first.exit_code, document["schema"]) == (0, "bictl.transform/1")
    assert next(row["node"] for row in document["rows"]) == "stg_product"
    assert "stg_product has 1 row, 4 tests passed" in first.stderr
    assert (second.exit_code, second.stdout) == (0, "")
    assert "nothing to do" in second.stderr
