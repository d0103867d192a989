"""bictl quarantine and bictl ack --quarantine as a person and a script meet them."""

import base64
import json
import subprocess
import sys

import pytest
from batches import numbered, seal

VALUES = {
    1: rb'{"Name":"a\u0000b","n":[1,2]}',
    2: b'{"Name":"\xff\xfe","n":1}',
    4: b'{"Name":\x1b[31mNaN}',
}


@pytest.fixture
def loaded(cli, clients, settings):
    """Five records, three of them in quarantine."""
    values = [VALUES.get(offset, b"{}") for offset in range(5)]
    records = numbered([(b'{"ID":%d}' % n, value) for n, value in enumerate(values)])
    seal(clients.objects, settings.table("product"), records)
    assert cli("load-bronze").exit_code == 3


def document(done):
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.usefixtures("loaded")
def test_the_records_are_listed_with_place_reason_and_size(cli):
    found = document(cli("quarantine", "list", "--json"))
    assert found["schema"] == "bictl.quarantine-list/1"
    rows = found["rows"]
    assert [(row["partition"], row["offset"], row["sqlstate"]) for row in rows] == [
        (0, 1, "22P05"),
        (0, 2, "22021"),
        (0, 4, "22P02"),
    ]
    assert rows[0]["bytes"] == len(VALUES[1]) + len(b'{"ID":1}')
    assert rows[0]["reason"].startswith("value: unsupported Unicode escape sequence")
    assert rows[0]["object"].endswith(".jsonl.gz")

    narrowed = cli("quarantine", "list", "--range", "0:[2,9)", "--limit", "1", "-o", "tsv")
    assert narrowed.stdout.splitlines()[0].split("\t")[:4] == ["product", "g1", "0", "2"]
    assert "product: more than 1 records in quarantine, the first 1 shown" in narrowed.stderr
    assert len(document(cli("quarantine", "list", "--offset", "0:4", "--json"))["rows"]) == 1
    assert document(cli("quarantine", "list", "--reason", "54001", "--json"))["rows"] == []

    counted = document(cli("quarantine", "list", "--count", "--json"))
    assert {row["sqlstate"]: row["records"] for row in counted["rows"]} == {
        "22P05": 1,
        "22021": 1,
        "22P02": 1,
    }


@pytest.mark.usefixtures("loaded")
def test_one_record_is_shown_whole_with_the_byte_where_it_goes_wrong(cli):
    text = document(cli("quarantine", "show", "0:1", "--json"))["rows"][0]
    assert (text["key"], text["value"]) == ('{"ID":1}', VALUES[1].decode())
    assert text["byte"] == VALUES[1].index(b"\\u0000") + len(b"\\u0000")
    assert text["reason_now"].startswith("22P05 value: unsupported Unicode escape sequence")

    binary = document(cli("quarantine", "show", "0:2", "--json"))["rows"][0]
    assert (binary["value"], base64.b64decode(binary["value_b64"])) == (None, VALUES[2])
    assert binary["byte"] == VALUES[2].index(b"\xff")
    dump = cli("quarantine", "show", "0:2", "-o", "table").stdout
    assert ">00000000  7b 22 4e 61 6d 65 22 3a 22 ff fe" in dump

    escape = cli("quarantine", "show", "0:4", "-o", "table").stdout
    assert "\x1b" not in escape
    assert r"\x1b[31mNaN" in escape


@pytest.mark.usefixtures("loaded")
def test_the_raw_bytes_are_for_a_pipe(settings, plain_environment):
    command = [sys.executable, "-m", "bictl", "quarantine", "show", "0:2", "--raw"]
    for part, expected in (("value", VALUES[2]), ("key", b'{"ID":2}')):
        done = subprocess.run(
            [*command, part],
            capture_output=True,
            env={**plain_environment, "BICTL_CONFIG": str(settings.path)},
            check=True,
        )
        assert done.stdout == expected


@pytest.mark.usefixtures("loaded")
def test_what_is_not_there_is_named(cli):
    missing = cli("quarantine", "show", "0:3")
    assert missing.exit_code == 2
    assert "unknown record in quarantine '0:3' of table product" in missing.stderr
    assert "bictl quarantine list --table product" in missing.stderr
    assert cli("quarantine", "show", "61000").exit_code == 2
    assert cli("quarantine", "show", "0:1", "--raw", "both").exit_code == 2
    assert cli("quarantine", "retry").exit_code == 2


@pytest.mark.usefixtures("loaded")
def test_a_retry_says_what_loaded_and_what_stays(cli, clients):
    refused = cli("quarantine", "retry", "--all", "--json")
    assert refused.exit_code == 3
    (row,) = json.loads(refused.stdout)["rows"]
    assert (row["tried"], row["loaded"], row["stayed"]) == (3, 0, 3)
    assert "1 × 22021, 1 × 22P02, 1 × 22P05 stay there" in refused.stderr

    clients.database.execute(
        "update bronze.cdc_quarantine set raw_value = '{}' where kafka_offset = 4"
    )
    done = cli("quarantine", "retry", "--offset", "0:4")
    assert (done.exit_code, done.stdout.split("\t")[:3]) == (0, ["product", "1", "1"])
    assert "1 of 1 records loaded from quarantine" in done.stderr
    again = cli("-q", "quarantine", "retry", "--offset", "0:4")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "")
    assert clients.database.value(
        "select count(*) from bictl.run where command = 'quarantine-retry'"
    )


@pytest.mark.usefixtures("loaded")
def test_a_refusal_is_accepted_once_it_is_there_and_until_a_day(cli):
    accept = ("ack", "--quarantine", "22P05", "--reason", "fixed in 8.2", "--person", "olena")
    assert cli(*accept, "--expires", "soon").exit_code == 2
    assert cli(*accept, "--expires", "2020-01-31").exit_code == 2
    assert cli("ack", "--quarantine", "22P05").exit_code == 2
    assert (
        cli("ack", "--range", "0:[0,1)", "--expires", "2030-01-31", "--reason", "x").exit_code == 2
    )
    absent = cli("ack", "--quarantine", "54001", "--reason", "x")
    assert absent.exit_code == 2
    assert "what is there: 1 × 22021, 1 × 22P02, 1 × 22P05" in absent.stderr

    row = document(cli(*accept, "--expires", "2099-01-31", "--json"))["rows"][0]
    assert (row["kind"], row["sqlstate"], row["expires"]) == ("quarantine", "22P05", "2099-01-31")
    assert (row["person"], row["reason"], row["written"]) == ("olena", "fixed in 8.2", True)
    assert "nothing written" in cli(*accept, "--expires", "2099-01-31").stderr
    assert cli(*accept).exit_code == 0
    assert len(document(cli("ack", "--json"))["rows"]) == 2
    shown = cli("ack", "-o", "table", env={"COLUMNS": "140"})
    assert (shown.exit_code, "2099-01-31" in shown.stdout) == (0, True)
    assert "olena" in shown.stdout
