"""bictl trace at the terminal: the picture, the forms, the codes, the streams."""

import json
import re

import pytest

OLD = 1_715_680_000_000
HOSTILE = "\x1b[2J[red]x[/red]\u202e\u2028pump\x07"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

PICTURE = """\
product ID=2
record 0:3 of {topic}
generation UUID (number 0)
ok: it is where it should be

2 events, oldest first
  0:1          c         2024-05-14 09:46:40.000  00000002:00000000:0001
▸ 0:3          u         2024-05-14 09:46:41.000  00000004:00000000:0001  newest

● source   found         2024-05-14 09:46:41.000
│   update, commit 00000004:00000000:0001, change 00000004:00000000:0002
● Kafka    found         2024-05-14 09:46:43.000   +2.0 s
│   it serves 0:[0,5)
● objects  found         TIME
│   product/raw/generation=UUID/partition=00000/
│   batch=00000000000000000000.jsonl.gz
│   line 4 of 5, sealed by run RUN
● ledger   found         TIME
│   5 records loaded by run RUN
● bronze   found         TIME
│   row 4 of bronze.product_cdc
● key      newest
│   the newest record of ID=2
● staging  found
│   the row of 0:3 (u)
● vectors  found         TIME
    by MODEL

SUMS
looked at: 0:3 in Kafka, the objects, Postgres; 2 records of the key in bronze;
no object waits to be loaded; Kafka's ends: nothing is above the frontier
"""


def plain(number: int, op: str, lsn: int, name: str) -> tuple[bytes, bytes]:
    row = {"ID": number, "Name": name, "VendorCode": f"P-{number}", "Description": None}
    row |= dict.fromkeys(("Weight", "Length", "Width", "Height", "Volume", "Price"))
    row |= {"IsActive": True, "CategoryID": None, "ManufacturerID": None}
    row |= {"Created": OLD * 1_000_000, "Updated": None}
    source = {
        "snapshot": "false",
        "ts_ms": OLD + (1000 if lsn > 3 else 0),
        "commit_lsn": f"{lsn:08x}:00000000:0001",
        "change_lsn": f"{lsn:08x}:00000000:0002",
    }
    gone = op == "d"
    event = {"before": row if gone else None, "after": None if gone else row}
    event |= {"source": source, "op": op, "ts_ms": OLD}
    return json.dumps({"ID": number}).encode(), json.dumps(event).encode()


@pytest.fixture
def filled(settings, produce) -> str:
    """Five records of four keys; the third is hostile, the fourth key is deleted."""
    topic = settings.table("product").topic
    records = [
        plain(1, "c", 1, "Pump 1"),
        plain(2, "c", 2, "Pump 2"),
        plain(3, "c", 3, HOSTILE),
        plain(2, "u", 4, "Pump two"),
        plain(4, "d", 5, "Pump 4"),
    ]
    produce(topic, ((key, value, [], OLD + 3000, 0) for key, value in records))
    return topic


@pytest.fixture
def loaded(filled, cli) -> str:
    done = cli("run")
    assert done.exit_code == 0, done.stderr
    return filled


def still(picture: str) -> str:
    """Without the times of this run and its ids."""
    text = re.sub(r"by run [0-9a-f]{8}\n", "by run RUN\n", UUID.sub("UUID", picture))
    text = re.sub(r"(?<=found         )20(?!24)[^\n]*", "TIME", text)
    text = re.sub(r"by sentence-transformers/\S+", "by MODEL", text)
    text = re.sub(r"source → bronze [^\n]*", "SUMS", text)
    return re.sub(r" +\n", "\n", text)


def test_the_picture_of_a_key_fits_80_columns(loaded, cli):
    done = cli("trace", "--key", "2", "-o", "table", env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.stderr
    expected = PICTURE.replace("{topic}", loaded)
    assert still(done.stdout) == expected
    assert done.stderr == ""
    commands = [line for line in done.stdout.splitlines() if "→" not in line]
    assert max(map(len, commands)) <= 80


def test_off_a_terminal_it_is_a_line_a_layer(loaded, cli):
    done = cli("trace", "--offset", "0:1")
    assert done.exit_code == 0
    cells = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(cell[0], cell[1]) for cell in cells] == [
        ("verdict", "overwritten"),
        ("source", "found"),
        ("Kafka", "found"),
        ("objects", "found"),
        ("ledger", "found"),
        ("bronze", "found"),
        ("key", "superseded"),
        ("staging", "superseded"),
        ("vectors", "superseded"),
    ]
    assert {len(cell) for cell in cells} == {6}
    assert cells[2][2:4] == ["2024-05-14T09:46:43.000Z", "3.0"]
    assert done.stderr == "--offset 0:1: overwritten by 0:3 (u), the newest record of ID=2\n"


def test_the_document_holds_everything_and_the_payload_decoded(loaded, cli):
    done = cli("trace", "--key", "ID=2", "--json")
    document = json.loads(done.stdout)
    assert document["schema"] == "bictl.trace/1"
    assert (document["exit_code"], document["verdict"]) == (0, "it is where it should be")
    assert document["key"] == {"ID": "2"}
    assert document["record"]["offset"] == 3
    assert document["payload"]["value"]["after"]["Name"] == "Pump two"
    assert [event["offset"] for event in document["events"]] == [1, 3]
    assert [event["newest"] for event in document["events"]] == [False, True]
    layers = {layer["layer"]: layer for layer in document["layers"]}
    assert layers["staging"]["facts"]["row"]["name"] == "Pump two"
    assert layers["objects"]["facts"]["line"] == 4
    assert layers["ledger"]["facts"]["n_records"] == 5
    latency = document["latency_seconds"]
    assert latency["source_to_vectors"] >= latency["source_to_bronze"] > 0
    (line, *rest) = cli("trace", "--key", "2", "-o", "jsonl").stdout.splitlines()
    assert (json.loads(line)["layer"], len(rest)) == ("source", 7)


def test_a_hostile_record_is_shown_and_never_obeyed(loaded, cli):
    for form in ("table", "tsv"):
        done = cli("trace", "--key", "3", "--payload", "-o", form)
        assert done.exit_code == 0
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]", done.stdout)
        assert "[red]x[/red]" in done.stdout
    assert r"\u001b[2J[red]x[/red]" in done.stdout


def test_a_deleted_key_is_deleted_below_bronze(loaded, cli):
    done = cli("trace", "--key", "4")
    states = dict(line.split("\t")[:2] for line in done.stdout.splitlines())
    assert (states["staging"], states["vectors"], done.exit_code) == ("deleted", "deleted", 0)


def test_where_a_record_is_missing_the_command_that_repairs_it_is_said(filled, cli):
    late = {"BICTL_VERIFY_MAX_LAG": "0"}
    shown = cli("trace", "--offset", "0:1", "-o", "table", env=late)
    assert shown.exit_code == 1
    assert "✗ objects  missing" in shown.stdout
    assert "→ bictl ingest --table product\n" in shown.stdout
    assert (
        "fail: lost between Kafka and objects: no batch of this partition is there" in shown.stdout
    )
    quiet = cli("-q", "trace", "--offset", "0:1", env=late)
    assert (quiet.exit_code, quiet.stdout) == (1, "")
    error, hint = quiet.stderr.splitlines()
    assert error.startswith("error: --offset 0:1: lost between Kafka and objects")
    assert hint == "hint: bictl ingest --table product"
    assert cli("ingest").exit_code == 0
    done = cli("trace", "--key", "1", env=late)
    assert done.exit_code == 1
    assert "bictl load-bronze --table product" in done.stdout


def test_quiet_is_silent_where_all_is_well(loaded, cli):
    done = cli("-q", "trace", "--key", "1")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_what_was_never_seen_is_code_2_and_names_what_is_there(loaded, cli):
    done = cli("trace", "--key", "9")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "error: unknown key '9' in product\nhint: existing: 4, 3, 2\n"
    done = cli("trace", "--offset", "0:77")
    assert done.exit_code == 2
    assert done.stderr.endswith("hint: Kafka serves 0:[0,5); the batches hold 0:[0,5)\n")


def test_nothing_answers_is_code_4(cli):
    dead = {
        "BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "BICTL_S3_ENDPOINT_URL": "http://127.0.0.1:1",
        "BICTL_POSTGRES_PORT": "1",
    }
    done = cli("--timeout", "30", "trace", "--offset", "0:1", env=dead)
    assert done.exit_code == 4
    assert [line.split("\t")[1] for line in done.stdout.splitlines()] == ["unreachable"] * 4
    assert "error: nothing answers" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a record is named by its key or by its offset"),
        (["--key", "1", "--offset", "0:1"], "a record is named by its key or by its offset"),
        (["--offset", "61000"], "write it as 0:61000"),
        (["--key", "1", "--key", "2"], "2 values are given for a key of 1: ID"),
        (["--key", "1", "--generation", "x"], "--generation is for an offset"),
        (["--table", "produkt", "--key", "1"], "did you mean 'product'?"),
    ],
)
def test_wrong_words_are_code_2_and_name_what_is_right(cli, arguments, said):
    done = cli("trace", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
