"""A view that somebody else's views read is never dropped behind their back."""

import pytest
from batches import numbered, seal

from bictl.bronze import load, migrate
from bictl.clients.dbt import Dbt
from bictl.errors import StageFailed
from bictl.staging import transform


@pytest.fixture
def stage(settings, clients, fixture_records):
    table = settings.table("product")
    migrate(clients.database, [table])
    seal(clients.objects, table, numbered(fixture_records("product_plain")[:20]))
    load(clients.objects, clients.database, table=table, run="test")
    dbt = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)
    return lambda: transform(dbt, clients.database, tables=[table], force=True)


def test_a_view_over_the_staging_view_outlives_a_run(stage, clients):
    stage()
    clients.database.execute(
        "create view public.report as select count(*) from staging_staging.stg_product"
    )
    before = clients.database.value("select count from public.report")

    done = stage()

    assert done.views == {"stg_product": before}
    assert clients.database.value("select count from public.report") == before > 0


def test_where_the_columns_do_not_fit_nothing_is_dropped_and_the_readers_are_named(stage, clients):
    clients.database.execute(
        "create schema staging_staging;"
        " create view staging_staging.stg_product as select 1 as something_else;"
        " create view public.report as select something_else from staging_staging.stg_product"
    )

    with pytest.raises(StageFailed, match=r"others read it: report") as refused:
        stage()

    assert "drop them, then bictl transform" in refused.value.hint
    assert clients.database.value("select something_else from public.report") == 1


def test_an_old_view_that_nobody_reads_is_replaced(stage, clients):
    clients.database.execute(
        "create schema staging_staging;"
        " create view staging_staging.stg_product as select 1 as something_else"
    )

    assert stage().views["stg_product"] > 0
