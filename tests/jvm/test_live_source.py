"""The source of the JVM stack: Debezium carries its changes as the pipeline expects them."""

import pytest

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(180)]
INSERT = 'insert into dbo."Product" ("ID", "Name", "Price", "Created") values (%s, %s, %s, now())'


def test_a_snapshot_and_a_change_reach_staging(source, settings, clients, until, cli):
    source.sql(INSERT, (1, "from the snapshot", "0.0001"))
    assert source.capture() == settings.connect.connector
    until(lambda: source.end() == 1)
    source.sql(INSERT, (2, "from the stream", "-99.5"))
    until(lambda: source.end() == 2)
    done = cli("run")
    assert done.exit_code == 0, done.stderr
    found = clients.database.rows(
        f"select product_id, name, price::text, is_snapshot"
        f" from {settings.dbt.view_schema}.stg_product order by 1"
    )
    assert found == [
        (1, "from the snapshot", "0.0001", True),
        (2, "from the stream", "-99.5000", False),
    ]
