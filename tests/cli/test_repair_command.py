"""bictl repair as a person and as cron see it."""

import json
import os
import re
from functools import partial

import pytest

OLD = 1_715_680_000_000  # milliseconds: far older than what may be in flight


@pytest.fixture
def broken(settings, clients, produce, fixture_records, cli) -> None:
    """A loaded table that has lost a row of bronze, and an object that nobody knows."""
    first = [record for _, record in zip(range(5), fixture_records("product_schema"), strict=False)]
    change = partial(re.sub, rb'"snapshot":"\w+"', b'"snapshot":"false"')  # not half a snapshot
    events = [(key, change(value), headers, OLD, 0) for key, value, headers, _ in first]
    produce(settings.table("product").topic, events)
    done = cli("run")
    assert done.exit_code == 0, done.stderr
    clients.database.execute("delete from bronze.product_cdc where kafka_offset = 2")
    clients.objects.put_new("product/raw/notes.txt", b"hello", metadata={})


def test_a_dry_run_a_repair_and_nothing_left_to_repair(broken, clients, cli):
    planned = cli("repair", "--dry-run")
    assert planned.exit_code == 1
    cells = [line.split("\t") for line in planned.stdout.splitlines()]
    assert [(cell[1], cell[2], cell[3]) for cell in cells] == [
        ("reload", "B3", "planned"),
        ("embed", "E1", "planned"),
        ("", "O1", "left"),
    ]
    assert "product: would reload (B3): load the object product/raw/" in planned.stderr

    done = cli("repair", "--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "bictl.repair/1"
    assert [step["state"] for step in document["steps"]] == ["done", "done", "left"]
    assert document["verdicts"][0]["complete"]
    assert "product: reload (B3): load the object" in done.stderr
    assert "product: reload done: 5 records from 1 object" in done.stderr

    clients.database.execute("drop index analytics_features.product_embeddings_hnsw")
    shown = cli("repair", "-o", "table", env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "E5" in shown.stdout

    quiet = cli("-q", "repair")
    assert (quiet.stdout, quiet.stderr, quiet.exit_code) == ("", "", 0)
    runs = clients.database.rows("select status from bictl.run where command = 'repair'")
    assert runs == [("ok",)] * 3


def test_what_is_left_to_a_person_is_said_in_cron_with_its_command(broken, clients, cli):
    clients.database.execute(
        """insert into bictl.offset_conflict (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, batch_file, batch_sha256, standing_file)
        select kafka_topic, generation, 0, 1, now(), 'b', 'x', 'a'
        from bronze.product_cdc limit 1"""
    )
    done = cli("-q", "repair")
    assert (done.stdout, done.exit_code) == ("", 6)
    assert "hint: select * from bictl.offset_conflict" in done.stderr
    assert os.linesep * 2 not in done.stderr
