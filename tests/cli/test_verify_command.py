"""bictl verify at the terminal: the sentence, the forms, the codes, the streams."""

import json

import pytest

RECORDS, INGESTED = 61_443, 115
OLD = 1_715_680_000_000
BREAK = (
    "0.18 % of 61443 records accounted for. Break: Kafka → objects, partition 0, "
    "offsets [115,61443) (61328 records) not ingested"
)


def plain(number: int) -> tuple[bytes, bytes]:
    row = (
        f'{{"ID":{number},"Name":"Pump {number}","VendorCode":"P-{number}","Description":null,'
        f'"Weight":null,"Length":null,"Width":null,"Height":null,"Volume":null,"Price":null,'
        f'"IsActive":true,"CategoryID":null,"ManufacturerID":null,"Created":{OLD * 1_000_000},'
        f'"Updated":null}}'
    )
    source = (
        f'{{"snapshot":"false","ts_ms":{OLD},"commit_lsn":"{number:08x}:00000000:0001",'
        f'"change_lsn":"{number:08x}:00000000:0002"}}'
    )
    return (
        f'{{"ID":{number}}}'.encode(),
        f'{{"before":null,"after":{row},"source":{source},"op":"c","ts_ms":{OLD}}}'.encode(),
    )


def fill(produce, settings, count):
    produce(
        settings.table("product").topic,
        ((*plain(number), [], OLD, 0) for number in range(1, count + 1)),
    )


def test_115_of_61443_is_never_called_complete(settings, produce, cli):
    """The first acceptance test: everything below the break agrees, and that is not complete."""
    fill(produce, settings, RECORDS)
    assert cli("ingest", "--max-records", str(INGESTED)).exit_code == 0
    for stage in ("load-bronze", "transform", "embed"):
        assert cli(stage).exit_code == 0

    shown = cli("verify", "-o", "table")
    assert shown.exit_code == 1
    assert BREAK in shown.stdout
    assert "complete" not in shown.stdout + shown.stderr
    assert "bictl ingest --table product" in shown.stdout

    answer = cli("verify", "--json")
    assert answer.exit_code == 1
    document = json.loads(answer.stdout)
    assert document["schema"] == "bictl.verify/1"
    assert (document["headline"], document["complete"]) == (BREAK, False)
    assert (document["state"], document["exit_code"]) == ("fail", 1)
    counts = [
        (item["from"], item["to"], item["expected"], item["accounted"], item["missing"])
        for item in document["boundaries"]
    ]
    assert counts == [
        ("kafka", "objects", RECORDS, INGESTED, RECORDS - INGESTED),
        ("objects", "bronze", INGESTED, INGESTED, 0),
        ("bronze", "staging", INGESTED, INGESTED, 0),
        ("staging", "vectors", INGESTED, INGESTED, 0),
    ]
    failed = [item for item in document["checks"] if item["state"] == "fail"]
    assert failed[0]["missing"]["ranges"] == [{"partition": 0, "first": 115, "next": 61443}]
    assert failed[0]["hint"] == "bictl ingest --table product"

    monitored = cli("verify", "-o", "nagios")
    assert monitored.exit_code == 2
    assert monitored.stdout.startswith(f"BICTL CRITICAL - {BREAK} | expected=61443;;;0 ")
    assert "complete" not in monitored.stdout

    quick = cli("verify", "--quick", "--json")
    assert quick.exit_code == 1
    assert json.loads(quick.stdout)["headline"] == BREAK


def test_a_whole_pipeline_is_complete_in_every_form(settings, produce, cli):
    fill(produce, settings, 40)
    assert cli("run").exit_code == 0
    shown = cli("verify", "-o", "table")
    assert shown.exit_code == 0, shown.stdout + shown.stderr
    sentence = "Kafka → vectors complete: 40 of 40 records through 0:40; source not verified"
    assert f"ok: {sentence}" in shown.stdout

    lines = cli("verify")  # not a terminal
    assert lines.exit_code == 0
    cells = [line.split("\t") for line in lines.stdout.splitlines()]
    assert [cell[0] for cell in cells] == [
        "Kafka → objects",
        "objects → bronze",
        "bronze → staging",
        "staging → vectors",
    ]
    assert f"ok: {sentence}" in lines.stderr

    (line,) = cli("verify", "-o", "jsonl").stdout.splitlines()
    assert json.loads(line)["complete"] is True

    monitored = cli("verify", "-o", "nagios")
    assert monitored.exit_code == 0
    assert monitored.stdout.startswith(f"BICTL OK - {sentence} | expected=40;;;0 accounted=40;;;0 ")

    page = cli("verify", "-o", "html")
    assert page.exit_code == 0, page.stderr
    assert page.stdout.startswith("<!DOCTYPE html>")
    assert page.stdout.isascii()
    assert "complete</span>" in page.stdout
    assert 'data-kind="held" data-first="0" data-next="40"' in page.stdout
    assert "embed, the newest run ok" in page.stdout

    metrics = cli("verify", "-o", "prometheus")
    assert metrics.exit_code == 0, metrics.stderr
    assert 'bictl_verify_complete{table="product"} 1\n' in metrics.stdout
    assert (
        'bictl_verify_partition_frontier_offset{table="product",partition="0"} 40\n'
        in metrics.stdout
    )
    for stage in ("ingest", "load-bronze", "transform", "embed", "verify"):
        assert f'success_timestamp_seconds{{table="product",stage="{stage}"}} ' in metrics.stdout

    silent = cli("-q", "verify")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "", "")

    quick = cli("verify", "--quick", "--json")
    assert quick.exit_code == 0
    headline = json.loads(quick.stdout)["headline"]
    assert headline.startswith("verified through 0:40 at ")
    assert "complete" not in headline


def test_quiet_says_one_error_and_hint_on_a_failure(settings, produce, cli):
    fill(produce, settings, 5)
    done = cli("-q", "verify")
    assert (done.exit_code, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: product: 0.00 % of 5 records accounted for. Break: Kafka → ")
    assert hint == "hint: bictl ingest --table product"

    metrics = cli("verify", "-o", "prometheus")
    assert metrics.exit_code == 1
    assert 'bictl_verify_state{table="product",state="fail"} 1\n' in metrics.stdout
    page = cli("-q", "verify", "-o", "html")
    assert (page.exit_code, page.stderr) == (1, "")
    assert 'data-kind="missing" data-first="0" data-next="5"' in page.stdout


def test_nothing_reachable_is_code_4_and_unknown_for_a_monitor(cli):
    dead = {
        "BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "BICTL_S3_ENDPOINT_URL": "http://127.0.0.1:1",
        "BICTL_POSTGRES_PORT": "1",
    }
    done = cli("--timeout", "20", "verify", env=dead)
    assert done.exit_code == 4
    assert "unknown" in done.stdout
    monitored = cli("--timeout", "20", "verify", "-o", "nagios", env=dead)
    assert monitored.exit_code == 3
    assert monitored.stdout.startswith("BICTL UNKNOWN - cannot tell: ")
    metrics = cli("--timeout", "20", "verify", "-o", "prometheus", env=dead)
    assert metrics.exit_code == 4
    assert 'bictl_verify_state{table="product",state="unknown"} 1\n' in metrics.stdout
    assert "expected_records" not in metrics.stdout
    page = cli("--timeout", "20", "verify", "-o", "html", env=dead)
    assert page.exit_code == 4
    assert "cannot tell</span>" in page.stdout
    assert "The ledger of runs could not be read" in page.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--quick", "--deep"], 2, "exclude each other"),
        (["--quick", "--expect-source", "1"], 2, "--quick counts no keys"),
        (["--select", "K55"], 2, "unknown check 'K55'"),
        (["--table", "produkt"], 2, "did you mean 'product'?"),
        (["--fail-on", "never"], 2, "--fail-on takes fail or warn"),
    ],
)
def test_wrong_words_are_code_2_and_name_what_is_right(cli, arguments, code, said):
    done = cli("verify", *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


def test_wrong_words_are_unknown_for_a_monitor(cli):
    done = cli("verify", "--select", "K55", "-o", "nagios")
    assert done.exit_code == 3
    assert done.stdout.startswith("BICTL UNKNOWN - ")


def test_the_checks_can_be_listed_without_any_service(cli):
    done = cli("verify", "--list", "--json")
    assert done.exit_code == 0
    listed = {item["id"]: item for item in json.loads(done.stdout)["checks"]}
    assert {"K1", "O2", "B3", "T2", "E1", "M1"} <= listed.keys()
    assert all(item["title"] and item["grows"] for item in listed.values())


def test_a_selected_check_is_never_the_whole_verdict(settings, produce, cli):
    fill(produce, settings, 5)
    assert cli("ingest").exit_code == 0
    done = cli("verify", "--select", "K5", "--json")
    document = json.loads(done.stdout)
    assert [item["id"] for item in document["checks"]] == ["K5"]
    assert document["complete"] is False


def test_a_warning_is_code_0_unless_it_is_to_fail(settings, produce, cli, clients):
    fill(produce, settings, 5)
    assert cli("run").exit_code == 0
    clients.objects.put_new(f"{settings.table('product').prefix}notes.txt", b"x", metadata={})
    done = cli("verify", "--json")
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (0, "warn")
    assert cli("verify", "--fail-on", "warn").exit_code == 1
    assert cli("verify", "-o", "nagios").exit_code == 1


def test_a_service_of_the_local_stack_that_does_not_run_is_to_be_started(fragile_stack, cli_plain):
    fragile_stack.kill("kafka")
    for command in ("verify", "run", "status"):
        done = cli_plain("-q", command, env={"BICTL_STATE_DIR": str(fragile_stack.state_dir)})
        assert done.stdout == ""
        assert done.exit_code != 0
        hints = {line for line in done.stderr.splitlines() if line.startswith("hint: ")}
        assert hints == {"hint: the local stack has to run: bictl stack up"}


def test_a_database_that_bictl_never_wrote_to_wants_a_load(settings, produce, cli):
    fill(produce, settings, 5)
    assert cli("ingest").exit_code == 0
    done = cli("-q", "verify")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[1] == "hint: bictl load-bronze --table product"
    shown = cli("verify", "--json", "--select", "M1")
    [check] = json.loads(shown.stdout)["checks"]
    assert check["hint"] == "bictl run, which makes them; or bictl load-bronze"


def test_a_quick_look_stands_on_no_verdict_of_another_bronze_table(settings, produce, cli):
    fill(produce, settings, 5)
    assert cli("run").exit_code == 0
    assert cli("verify").exit_code == 0
    assert json.loads(cli("verify", "--quick", "--json").stdout)["headline"].startswith("verified")
    moved = {"BICTL_TABLES_PRODUCT_BRONZE": "bronze.renamed_cdc"}
    assert cli("load-bronze", env=moved).exit_code == 0
    quick = json.loads(cli("verify", "--quick", "--json", env=moved).stdout)
    assert (quick["state"], quick["headline"][:30]) == ("fail", "0.00 % of 5 records accounted ")
    [stands_on] = [check for check in quick["checks"] if check["id"] == "M3"]
    assert stands_on["message"].startswith("no full verdict was ever complete")
