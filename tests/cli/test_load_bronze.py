"""bictl load-bronze and bictl migrate as a person and a script meet them."""

import json

from batches import numbered, put, seal, sealed

PLAIN = [(b'{"ID":%d}' % number, b'{"n":%d}' % number) for number in range(10)]


def test_load_bronze_says_what_it_loaded_and_then_that_there_is_nothing_to_do(
    cli, clients, settings
):
    seal(clients.objects, settings.table("product"), numbered(PLAIN))

    first = cli("load-bronze", "--json")
    second = cli("load-bronze", "-o", "tsv")

    assert first.exit_code == 0
    document = json.loads(first.stdout)
    assert document["schema"] == "bictl.load-bronze/1"
    row = dict(document["rows"][0])
    assert row.pop("bytes") > 0
    assert row == {
        "table": "product",
        "objects": 1,
        "loaded": 10,
        "quarantined": 0,
        "duplicates": 0,
        "restored": 0,
        "tombstones": 0,
        "known": 0,
        "left": 0,
    }
    assert first.stderr.endswith("load-bronze product: 10 records from 1 object\n")
    assert second.stdout == "product\t0\t0\t0\t0\t0\t0\t1\t0\n"
    assert second.stderr.endswith("load-bronze product: nothing to do: 1 object loaded before\n")


def test_quarantined_records_are_exit_code_3(cli, clients, settings):
    records = numbered([*PLAIN, (b"1", b"not JSON")])
    seal(clients.objects, settings.table("product"), records)

    done = cli("load-bronze", "-o", "jsonl")

    assert done.exit_code == 3
    assert json.loads(done.stdout)["quarantined"] == 1
    assert "1 to quarantine" in done.stderr


def test_a_damaged_object_is_exit_code_1_with_a_hint(cli, clients, settings):
    table = settings.table("product")
    manifest, body = sealed(table, numbered(PLAIN))
    key = put(clients.objects, table, manifest, body[:-10])

    done = cli("-q", "load-bronze")

    assert (done.exit_code, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: 1 object not loaded: {key}: expected sha256")
    assert hint.startswith("hint: ")


def test_two_contents_of_one_offset_are_exit_code_6(cli, clients, settings):
    table = settings.table("product")
    seal(clients.objects, table, numbered(PLAIN))
    seal(clients.objects, table, numbered([(b"1", b'{"n":"other"}')], first=9))

    done = cli("load-bronze")

    assert done.exit_code == 6
    assert "0:[9,10)" in done.stderr


def test_quiet_success_is_silent(cli, clients, settings):
    seal(clients.objects, settings.table("product"), numbered(PLAIN))

    done = cli("-q", "load-bronze")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_table_and_object_are_named(cli, clients):
    table = cli("load-bronze", "--table", "produkt")
    object_key = cli("load-bronze", "--object", "product/raw/nothing")

    assert table.exit_code == object_key.exit_code == 2
    assert "did you mean 'product'" in table.stderr
    assert "product/raw/nothing" in object_key.stderr


def test_migrate_creates_once_and_says_so(cli):
    first, second = cli("migrate", "--json"), cli("migrate", "--json")

    assert first.exit_code == second.exit_code == 0
    created = json.loads(first.stdout)
    assert created["schema"] == "bictl.migrate/1"
    assert created["rows"][0]["tables"] == ["bronze.product_cdc"]
    assert json.loads(second.stdout)["rows"][0]["applied"] == []
    assert "nothing to do" in second.stderr
