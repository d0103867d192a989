"""Log lines and crash reports: one line an event, UTC, and never a secret."""

import io
import json
import logging
import re
from pathlib import Path

import pytest

from bictl.ops.crash import crash_report
from bictl.ops.logs import set_up_logs
from bictl.settings import Secret
from bictl.settings.redact import mask, redact, redact_all

SENTINEL = "S3CR3T@PW/äß%x"
RUN = "0c8c1f52-1f3c-4b44-9d0f-3a5a8e8c9a10"


@pytest.fixture
def stream():
    """A log stream; logging is as it was before, afterwards."""
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    handlers, level = root.handlers[:], root.level
    names = ("bictl", "kafka", "botocore", "urllib3")
    levels = {name: logging.getLogger(name).level for name in names}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.setLogRecordFactory(factory)
    logging.captureWarnings(False)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_a_text_line_says_when_in_utc_how_bad_where_and_which_run(stream):
    set_up_logs(verbose=1, run=RUN, stream=stream)
    logging.getLogger("bictl.ingest").info("sealed %d records", 7)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
        r"INFO bictl\.ingest run=0c8c1f52 sealed 7 records\n",
        stream.getvalue(),
    )


def test_a_json_line_is_one_ascii_document_with_the_trace_inside(stream):
    set_up_logs(form="json", run=RUN, stream=stream)
    try:
        raise ValueError("größer")
    except ValueError:
        logging.getLogger("bictl.bronze").exception("broken:\nä")
    [line] = stream.getvalue().splitlines()
    document = json.loads(line)
    assert line.isascii()
    assert document["message"] == "broken:\nä"
    assert (document["level"], document["run"]) == ("error", RUN)
    assert "ValueError: größer" in document["trace"]


def test_control_characters_of_a_message_are_shown_and_never_obeyed(stream):
    set_up_logs(run=RUN, stream=stream)
    logging.getLogger("bictl").warning("a\x1b[31m\nERROR forged\r\u202e\x9b\x00 ї")
    [line] = stream.getvalue().split("\n")[:-1]
    assert line.endswith(r"a\x1b[31m\nERROR forged\r\u202e\x9b\x00 ї")


@pytest.mark.parametrize(
    ("verbose", "own", "vendor"),
    [(0, logging.WARNING, logging.CRITICAL), (1, logging.INFO, logging.WARNING), (2, 10, 10)],
)
def test_verbosity_opens_our_own_logs_first_and_the_clients_packages_last(
    stream, verbose, own, vendor
):
    set_up_logs(verbose=verbose, run=RUN, stream=stream)
    assert logging.getLogger("bictl.x").isEnabledFor(own)
    assert not logging.getLogger("bictl.x").isEnabledFor(own - 1)
    for name in ("kafka.conn", "botocore.auth", "urllib3.connectionpool"):
        for level in (10, 20, 30, 40, 50):
            logging.getLogger(name).log(level, "%s said at %d", name, level)
            assert (f"{name} said at {level}" in stream.getvalue()) == (level >= vendor)


def test_what_the_clients_say_is_heard_by_who_listens_to_them_whatever_is_shown(stream):
    set_up_logs(run=RUN, stream=stream)
    theirs = io.StringIO()
    handler = logging.StreamHandler(theirs)
    logging.getLogger("kafka").addHandler(handler)
    try:
        logging.getLogger("kafka.net").warning("the login was refused")
    finally:
        logging.getLogger("kafka").removeHandler(handler)
    assert (theirs.getvalue(), stream.getvalue()) == ("the login was refused\n", "")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_leaves_through_any_handler_message_argument_or_trace(stream, form):
    Secret(SENTINEL)
    set_up_logs(verbose=2, form=form, run=RUN, stream=stream)
    theirs = io.StringIO()
    kafka = logging.getLogger("kafka.admin")
    handler = logging.StreamHandler(theirs)  # one that a package brings along
    kafka.addHandler(handler)
    try:
        kafka.debug("Starting with configuration: %s", {"sasl_plain_password": SENTINEL})
        kafka.warning(f"postgresql://u:{SENTINEL}@h/x")
        raise RuntimeError(f"could not connect with {SENTINEL}")
    except RuntimeError:
        logging.getLogger("bictl").exception("failed")
    finally:
        kafka.removeHandler(handler)
    written = stream.getvalue() + theirs.getvalue()
    assert "***" in written
    assert "Traceback" in stream.getvalue()
    assert SENTINEL not in written
    assert json.dumps(SENTINEL)[1:-1] not in written
    assert "S3CR3T" not in written


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://analytics:hunter2@db:5433/analytics",
        "postgresql://u:hun@ter2@h/x",
        "password=hunter2",
        "password: 'hunter2'",
        '{"sasl_plain_password": "hunter2"}',
        "'secret_access_key': 'hun\\'hunter2'",
        'sasl.jaas.config=org.PlainLoginModule required username="u" password="hunter2";',
        "aws_session_token=hunter2&x=1",
        "database.password = hunter2",
    ],
)
def test_what_looks_like_a_secret_is_taken_out_by_the_name_before_it(text):
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "PASS=4 WARN=0 ERROR=0",
        "cord.ConcordDb.dbo.Product 0:[115,61443)",
        "http://localhost:9000/cord-raw?list-type=2",
        "batch of 128 tokens: done",
        "passed: 3",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert redact(text) == text


def test_a_secret_in_a_file_counts_from_the_moment_it_is_read(tmp_path: Path):
    file = tmp_path / "pass"
    file.write_text("from-a-file-1\n")
    file.chmod(0o600)
    secret = Secret(file=str(file))
    assert redact("x from-a-file-1") == "x from-a-file-1"
    assert secret.reveal() == "from-a-file-1"
    assert redact("x from-a-file-1") == "x ***"


def test_the_vendors_own_environment_variables_are_secrets(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "from-the-environment")
    assert redact("x from-the-environment") == "x ***"


def test_nested_values_are_redacted_by_their_names_and_texts():
    Secret(SENTINEL)
    value = {"a": [{"db_password": "zzz", "n": 3}], "b": f"see {SENTINEL}", "token": ""}
    assert redact_all(value) == {
        "a": [{"db_password": "***", "n": 3}],
        "b": "see ***",
        "token": "",
    }


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("database.password", "hunter2", "***"),
        ("database.password", "${file:/run/db:password}", "${file:/run/db:password}"),
        ("database.password", "x${env:P}", "***"),
        ("connection.url", "jdbc:postgresql://u:hunter2@h/x", "jdbc:postgresql://***@h/x"),
        ("url", "jdbc:x://h;password=hunter2;x=1", "jdbc:x://h;password=***;x=1"),
        ("topic.prefix", "cord", "cord"),
        ("producer.override.sasl.jaas.config", "a b=c;", "***"),
        ("ssl.key.password", "", ""),
    ],
)  # fmt: skip
def test_a_connectors_configuration_is_masked_key_by_key(name, value, shown):
    assert mask(name, value) == shown


def crash(password: str) -> Exception:
    try:
        int(f"not a number {password}")
    except ValueError as error:
        return error
    raise AssertionError


def test_a_crash_report_is_private_and_holds_the_trace_without_secrets_and_variables(tmp_path):
    Secret(SENTINEL)
    path = crash_report(crash(SENTINEL), tmp_path / "state")
    text = path.read_text()
    assert path.parent == tmp_path / "state" / "crashes"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "ValueError" in text
    assert "in crash" in text
    assert "S3CR3T" not in text


def test_a_crash_report_finds_another_place_when_the_state_directory_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    path = crash_report(crash("x"), tmp_path / "file")
    try:
        assert path.stat().st_mode & 0o777 == 0o600
        assert "ValueError" in path.read_text()
    finally:
        path.unlink()
