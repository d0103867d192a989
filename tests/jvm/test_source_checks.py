"""S1 to S6 against a live source: what is lost behind the connector's back is named key by key, and
what is on its way is no alarm."""

import json
from contextlib import closing

import pytest

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(300)]

ROWS = """insert into dbo."Product" ("ID", "Name", "Created")
    select n, 'product ' || n, now() from generate_series(%s::int, %s::int) n"""
HIDDEN = 'alter publication {slot} drop table dbo."Product"'
SHOWN = 'alter publication {slot} add table dbo."Product"'
IDS = ("S1", "S2", "S3", "S4", "S5", "S6")


@pytest.fixture
def look(cli, settings):
    """`look()`: what the S checks say, by id, and the document; `settle` seconds are given."""

    def verify(*options: str, settle: int = 2, ids=IDS):
        chosen = [word for one in ids for word in ("--select", one)]
        done = cli("verify", "--json", *chosen, *options, env={"BICTL_VERIFY_SETTLE": str(settle)})
        document = json.loads(done.stdout)
        return {one["id"]: one for one in document["checks"]}, document

    return verify


@pytest.fixture
def carried(source, until, cli):
    """A thousand rows that came all the way to bronze."""
    source.sql(ROWS, (1, 1000))
    source.capture()
    until(lambda: source.end() == 1000)
    for command in ("ingest", "load-bronze"):
        done = cli(command)
        assert done.exit_code == 0, done.stderr
    return source


def test_what_is_lost_behind_the_connectors_back_is_named(carried, look, until, cli):
    found, document = look()
    assert {one["state"] for one in found.values()} == {"ok"}, found
    assert document["boundaries"][0]["from"] == "source"
    assert document["boundaries"][0]["accounted"] == 1000

    carried.sql(HIDDEN.format(slot=carried.slot))
    carried.sql('delete from dbo."Product" where "ID" in (7, 70, 700)')
    carried.sql(ROWS, (5001, 5002))
    found, _ = look()
    assert found["S2"]["state"] == "fail"
    assert "are not in the publication" in found["S2"]["message"]
    assert found["S6"]["missing"]["keys"] == ["5001", "5002"]
    assert found["S6"]["extra"]["keys"] == ["7", "70", "700"]
    assert found["S6"]["hint"] == "bictl cdc snapshot --table product --blocking"
    assert found["S5"]["message"].startswith("999 rows at the source, 1000 live keys")

    carried.sql(SHOWN.format(slot=carried.slot))
    carried.sql("""update dbo."Product" set "Name" = 'x' where "ID" = 1""")
    until(lambda: carried.end() == 1001)
    for command in ("ingest", "load-bronze"):
        assert cli(command).exit_code == 0
    found, document = look()
    assert {one["id"] for one in found.values() if one["state"] != "ok"} == {"S5", "S6"}
    assert found["S6"]["missing"]["keys"] == ["5001", "5002"]
    assert document["exit_code"] == 6


def test_what_is_on_its_way_is_no_alarm(carried, look, until):
    with closing(carried.connect()) as session, session.cursor() as cursor:
        cursor.execute('delete from dbo."Product" where "ID" = 3')  # not committed
        found, _ = look()
        assert {one["state"] for one in found.values()} == {"ok"}
        session.commit()
    carried.sql(ROWS, (2001, 2020))
    found, document = look(settle=30)  # in Kafka at most, and perhaps not even there
    assert {one["state"] for one in found.values()} == {"ok"}
    boundary = document["boundaries"][0]
    assert (boundary["expected"], boundary["in_flight"], boundary["missing"]) == (1019, 20, 0)
    assert not document["complete"]


def test_a_slot_that_was_pushed_forward_is_evidence_of_loss(carried, look, until):
    carried.rest("PUT", f"/connectors/{carried.name}/stop")
    until(lambda: carried.states() == ["STOPPED"])
    until(lambda: not active(carried))
    found, _ = look(ids=("S1", "S2", "S3", "S4"))
    assert found["S3"]["state"] == "warn"
    assert found["S4"]["state"] == "ok", found["S4"]
    carried.sql('delete from dbo."Product" where "ID" <= 2')
    carried.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", (carried.slot,))
    found, document = look()
    assert (found["S4"]["state"], found["S4"]["kind"]) == ("fail", "loss")
    assert "changes between them are skipped" in found["S4"]["message"]
    assert found["S6"]["extra"]["keys"] == ["1", "2"]
    assert document["exit_code"] == 6


def test_an_emptied_table_is_found_though_no_snapshot_can_mark_it(carried, look):
    carried.sql(HIDDEN.format(slot=carried.slot))
    carried.sql('truncate dbo."Product"')
    carried.sql(SHOWN.format(slot=carried.slot))
    found, _ = look()
    assert found["S5"]["message"].startswith("0 rows at the source, 1000 live keys")
    assert found["S6"]["extra"]["count"] == 1000
    assert found["S5"]["hint"].startswith("the source's table is empty")


def test_a_source_that_is_away_is_unknown_and_never_complete(carried, look, settings):
    text = settings.path.read_text(encoding="utf-8")
    port = f"port = {carried.stack.source.port}"
    assert text.count(port) == 1
    settings.path.write_text(text.replace(port, "port = 1"), encoding="utf-8")
    found, document = look()
    assert {one["state"] for one in found.values()} == {"unknown"}
    assert not document["complete"]


def active(source) -> bool:
    [(found,)] = source.sql(
        "select active from pg_replication_slots where slot_name = %s", (source.slot,)
    )
    return found
