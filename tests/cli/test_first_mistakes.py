"""What people get wrong first: each is told once, with what to do, soon, and with its code.

The whole text is asserted. `{name}` stands for a value of the test, `‹…›` for words that cannot be
known before.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mistakes
import pytest

from bictl.settings import Settings

SOON = 12.0  # seconds, Python's start and a loaded machine included


@dataclass(frozen=True)
class Mistake:
    """What was typed and configured, and what the person is told.

    `made` names the function of tests/mistakes.py that makes it real and says what it made;
    `edit` replaces a text of the configuration file, `file` is a whole other one.
    """

    command: str
    error: str
    hint: str
    code: int = 2
    env: Mapping[str, str] = field(default_factory=dict)
    made: Callable[..., object] | None = None
    edit: tuple[str, str] = ("", "")
    file: str | bytes | None = None


CONFIGURATION = """\
[postgres]
password = "a-S3CR3T"
[tables.product]
topic = "cord.T"
"""
CONTAINER = (
    "the name of a container is known inside its network only: "
    "from the host use localhost and the published port"
)
SHOW = "(bictl config show says where it comes from)"

WORDS = {
    "a command that is misspelt": Mistake(
        "inget",
        "No such command 'inget'. Did you mean 'ingest'?",
        "`bictl --help` shows how it is used",
    ),
    "an option that is misspelt": Mistake(
        "ingest --tabel product",
        "No such option: --tabel (Possible options: --help, --table)",
        "`bictl ingest --help` shows how it is used",
    ),
    "a table that is misspelt": Mistake(
        "ingest --table prodcut",
        "unknown table 'prodcut' in the configuration",
        "did you mean 'product'? existing: product",
    ),
    "a topic that is misspelt": Mistake(
        "ingest --topic {topic}s",
        "unknown topic '{topic}s' in the configuration's tables",
        "did you mean '{topic}'? existing: {topic}",
    ),
    "a check that is not there": Mistake(
        "verify --select K99",
        "unknown check 'K99'",
        "did you mean ‹…›? existing: ‹…›",
    ),
    "a range as people write it": Mistake(
        "ack --range 0:115-200 --reason retention",
        "'0:115-200' is not a range of offsets",
        "write it as 0:[115,61443)",
    ),
    "a range without an offset in it": Mistake(
        "ack --range '0:[200,115)' --reason retention",
        "'0:[200,115)' is not a range of offsets",
        "write it as 0:[115,61443)",
    ),
    "an acknowledgement without a reason": Mistake(
        "ack --range '0:[115,200)'",
        "an acknowledgement needs a reason",
        "add --reason '…'",
    ),
    "an environment variable's section that is misspelt": Mistake(
        "ingest",
        "the environment: unknown variable 'BICTL_KAFA_BOOTSTRAP_SERVERS'",
        "did you mean 'BICTL_KAFKA_BOOTSTRAP_SERVERS'?",
        env={"BICTL_KAFA_BOOTSTRAP_SERVERS": "localhost:9092"},
    ),
    "an environment variable's key that is misspelt": Mistake(
        "ingest",
        "the environment: unknown variable 'BICTL_KAFKA_BOOTSTRAP_SERVER'",
        "did you mean 'BICTL_KAFKA_BOOTSTRAP_SERVERS'?",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVER": "localhost:9092"},
    ),
    "a port that is no number": Mistake(
        "ingest",
        "BICTL_POSTGRES_PORT must be a whole number, got '5433/tcp'",
        "correct BICTL_POSTGRES_PORT in the environment, or unset it",
        env={"BICTL_POSTGRES_PORT": "5433/tcp"},
    ),
    "a profile that is not there": Mistake(
        "--profile stagin ingest",
        "{config} has no profile 'stagin'",
        "it has none: leave the profile out",
    ),
    "a profile that is misspelt": Mistake(
        "--profile stagin config validate",
        "{config} has no profile 'stagin'",
        "existing profiles: staging, production",
        file="[profiles.staging.s3]\nbucket = 'a'\n[profiles.production.s3]\nbucket = 'b'\n",
    ),
}

FILES = {
    "a key that is misspelt": Mistake(
        "ingest",
        "{config}: unknown key 'postgres.pasword'",
        "did you mean 'postgres.password'?",
        edit=("password =", "pasword ="),
    ),
    "a section that is misspelt": Mistake(
        "ingest",
        "{config}: unknown section 'postgre'",
        "did you mean 'postgres'?",
        edit=("[postgres]", "[postgre]"),
    ),
    "a configuration file that is not there": Mistake(
        "--config bictl.tml ingest",
        "the configuration file bictl.tml does not exist",
        "correct --config or BICTL_CONFIG, or write one with `bictl config init`",
    ),
    "a directory in place of the file": Mistake(
        "--config {directory} ingest",
        "the configuration file {directory} is not a file",
        "correct --config or BICTL_CONFIG, or write one with `bictl config init`",
    ),
    "a file that is not TOML": Mistake(
        "ingest",
        "{config} is not valid TOML: Invalid value (at line 2, column 16)",
        "correct that line, then: bictl config validate",
        file="[s3]\nendpoint_url = localhost:9000\n",
    ),
    "a file that is not UTF-8": Mistake(
        "ingest",
        "{config} is not UTF-8: byte 0xfc at 15",
        "save the file as UTF-8",
        file="[s3]\nbucket = 'übersicht'\n".encode("latin-1"),
    ),
    "a number in quotes": Mistake(
        "ingest",
        "{config}: postgres.port must be a whole number, got a text",
        "write it as port = 5433",
        file="[postgres]\nport = '5433'\n",
    ),
    "one key where a list is wanted": Mistake(
        "ingest",
        "{config}: tables.product.key must be a list of texts, got a text",
        'write it as key = ["ID"]',
        file="[tables.product]\nkey = 'ID'\n",
    ),
    "a prefix without its slash": Mistake(
        "ingest",
        "{config}: [tables.product] prefix 'product/raw' is not a key prefix",
        "use letters, digits, '.', '_', '-' between slashes, and end with a slash",
        file="[tables.product]\nprefix = 'product/raw'\n",
    ),
    "two tables under one prefix": Mistake(
        "ingest",
        "[tables.product] and [tables.category] have one prefix: raw/",
        "give each table a prefix of its own",
        file="[tables.product]\nprefix = 'raw/'\n[tables.category]\ntopic = 'c'\nprefix = 'raw/'\n",
    ),
    "two tables in one bronze table": Mistake(
        "ingest",
        "[tables.product] and [tables.category] have one bronze: bronze.cdc",
        "give each table a bronze of its own",
        file="[tables.product]\nbronze = 'bronze.cdc'\n"
        "[tables.category]\ntopic = 'c'\nbronze = 'bronze.cdc'\n",
    ),
    "a table without a topic": Mistake(
        "ingest",
        "[tables.category] has no topic",
        'add topic = "<the Kafka topic>"',
        file="[tables.category]\nkey = ['ID']\n",
    ),
    "an endpoint without a scheme": Mistake(
        "ingest",
        "{config}: [s3] endpoint_url 'localhost:9000' is not an address",
        'write it as endpoint_url = "http://localhost:9000"; "" is AWS',
        file="[s3]\nendpoint_url = 'localhost:9000'\n",
    ),
    "a worker without a scheme": Mistake(
        "config validate",
        "{config}: [connect] url 'localhost:8083' is not an address",
        'write it as url = "http://localhost:8083"',
        file="[connect]\nurl = 'localhost:8083'\n",
    ),
    "a broker with a scheme": Mistake(
        "ingest",
        "{config}: [kafka] bootstrap_servers: 'http://localhost:9092' is not host:port",
        'write it as bootstrap_servers = "localhost:9092", several with commas',
        file="[kafka]\nbootstrap_servers = 'http://localhost:9092'\n",
    ),
}

PORTS = {
    "Kafka's address is Postgres's": Mistake(
        "ingest",
        "expected a Kafka broker at {postgres} (kafka.bootstrap_servers), found Postgres",
        "correct kafka.bootstrap_servers (bictl config show); a broker's port is 9092 by default",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{postgres}"},
    ),
    "Kafka's address is S3's": Mistake(
        "ingest",
        "expected a Kafka broker at {s3} (kafka.bootstrap_servers), found an HTTP service",
        "correct kafka.bootstrap_servers (bictl config show); a broker's port is 9092 by default",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{s3}"},
    ),
    "S3's address is Kafka's": Mistake(
        "load-bronze",
        "expected an object store at http://{kafka} (s3.endpoint_url), found a Kafka broker",
        "correct s3.endpoint_url (bictl config show); its port is often 9000",
        env={"BICTL_S3_ENDPOINT_URL": "http://{kafka}"},
    ),
    "S3's address is Postgres's": Mistake(
        "load-bronze",
        "expected an object store at http://{postgres} (s3.endpoint_url), found Postgres",
        "correct s3.endpoint_url (bictl config show); its port is often 9000",
        env={"BICTL_S3_ENDPOINT_URL": "http://{postgres}"},
    ),
    "Postgres's port is S3's": Mistake(
        "migrate",
        "expected Postgres at {s3} (postgres.host, postgres.port), found an HTTP service",
        "correct postgres.port (bictl config show); Postgres's own is 5432 by default",
        env={"BICTL_POSTGRES_PORT": "{s3_port}"},
    ),
    "Postgres's port is Kafka's": Mistake(
        "migrate",
        "expected Postgres at {kafka} (postgres.host, postgres.port), found a Kafka broker",
        "correct postgres.port (bictl config show); Postgres's own is 5432 by default",
        env={"BICTL_POSTGRES_PORT": "{kafka_port}"},
    ),
    "Connect's address is S3's": Mistake(
        "cdc status",
        "http://{s3} is not a Kafka Connect worker: it answers in XML, as an object store does",
        "[connect] url names the worker's REST port, 8083 by default",
        env={"BICTL_CONNECT_URL": "http://{s3}"},
    ),
    "Connect's address is Kafka's": Mistake(
        "cdc status",
        "expected Kafka Connect at http://{kafka} (connect.url), found a Kafka broker",
        "[connect] url names the worker's REST port, 8083 by default",
        env={"BICTL_CONNECT_URL": "http://{kafka}"},
    ),
    "https where S3 has none": Mistake(
        "load-bronze",
        "expected an object store at https://{s3} (s3.endpoint_url), found an HTTP service",
        'write s3.endpoint_url = "http://{s3}"',
        env={"BICTL_S3_ENDPOINT_URL": "https://{s3}"},
    ),
    "http where S3 wants TLS": Mistake(
        "load-bronze",
        "expected an object store at http://{s3_tls} (s3.endpoint_url), found an HTTPS service",
        'write s3.endpoint_url = "https://{s3_tls}"',
        env={"BICTL_S3_ENDPOINT_URL": "http://{s3_tls}"},
        made=mistakes.s3_with_tls,
    ),
    "https where Connect has none": Mistake(
        "cdc status",
        "expected Kafka Connect at https://{connect} (connect.url), found an HTTP service",
        'write connect.url = "http://{connect}"',
        env={"BICTL_CONNECT_URL": "https://{connect}"},
        made=mistakes.a_worker,
    ),
}

HOSTS = {
    "Kafka's container from the host": Mistake(
        "ingest",
        "connect to Kafka at kafka:29092: ‹…›",
        f"correct kafka.bootstrap_servers; {CONTAINER}",
        code=4,
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "kafka:29092"},
    ),
    "Postgres's container from the host": Mistake(
        "migrate",
        "cannot find the host 'postgres' (postgres.host)",
        CONTAINER,
        code=4,
        env={"BICTL_POSTGRES_HOST": "postgres"},
    ),
    "S3's container from the host": Mistake(
        "load-bronze",
        "look into bucket {bucket} at http://minio:9000: ‹…›",
        f"correct s3.endpoint_url; {CONTAINER}",
        code=4,
        env={"BICTL_S3_ENDPOINT_URL": "http://minio:9000"},
    ),
    "Connect's container from the host": Mistake(
        "cdc status",
        "no Kafka Connect at http://connect:8083: ‹…›",
        f"correct connect.url; {CONTAINER}",
        code=4,
        env={"BICTL_CONNECT_URL": "http://connect:8083"},
    ),
    "a broker that advertises its container": Mistake(
        "ingest",
        "Kafka at {broker} answers, but sends its clients on to kafka:29092: ‹…›",
        "that is the brokers' advertised.listeners: connect to a listener that advertises an "
        "address which this machine reaches, e.g. localhost and the published port",
        code=4,
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{broker}"},
        made=mistakes.a_broker_that_advertises_its_container,
    ),
}


@pytest.mark.parametrize("mistake", (WORDS | FILES).values(), ids=WORDS | FILES)
def test_what_is_misspelt_is_told_before_any_service_is_asked(mistake, cli_plain, tmp_path):
    (tmp_path / "directory").mkdir()
    path = tmp_path / "bictl.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIGURATION, encoding="utf-8")
    configure(mistake, path)
    known = {"config": str(path), "directory": str(tmp_path / "directory"), "topic": "cord.T"}
    done = run(mistake, known, cli_plain, {"BICTL_CONFIG": str(path)})
    check(done, mistake, known)


@pytest.fixture
def places(settings: Settings) -> dict[str, str]:
    """What a mistake's texts may name."""
    s3 = settings.s3.endpoint_url.removeprefix("http://")
    return {
        "topic": settings.table("product").topic,
        "bucket": settings.s3.bucket,
        "dbname": settings.postgres.dbname,
        "kafka": settings.kafka.bootstrap_servers,
        "kafka_port": settings.kafka.bootstrap_servers.rpartition(":")[2],
        "s3": s3,
        "s3_port": s3.rpartition(":")[2],
        "postgres": f"{settings.postgres.host}:{settings.postgres.port}",
    }


@pytest.mark.parametrize("mistake", (PORTS | HOSTS).values(), ids=PORTS | HOSTS)
def test_a_first_mistake_is_told_once_and_with_what_to_do(mistake, cli, settings, places, tmp_path):
    with made(mistake, settings, tmp_path) as more:
        done = run(mistake, places | more, cli, {})
    check(done, mistake, places | more)
    for secret in (settings.postgres.password, settings.s3.secret_access_key):
        assert secret.reveal() not in done.stderr


def run(mistake: Mistake, known: Mapping[str, str], cli: Callable[..., Any], env: dict) -> Any:
    given = {name: filled(value, known) for name, value in mistake.env.items()}
    command = shlex.split(filled(mistake.command, known))
    return cli(*command, env=env | given, timeout=SOON)


def check(done: Any, mistake: Mistake, known: Mapping[str, str]) -> None:
    assert done.stderr == expected(mistake, known, done.stderr)
    assert done.exit_code == mistake.code
    assert done.stdout == ""


@contextmanager
def made(mistake: Mistake, settings: Settings, tmp_path: Path) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(contextmanager(mistake.made)(settings, tmp_path))
            if mistake.made
            else {}
        )


def configure(mistake: Mistake, path: Path) -> None:
    if mistake.file is not None:
        data = mistake.file
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    before, after = mistake.edit
    if before:
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, after), encoding="utf-8")


def filled(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: known[name[1]], text)


def expected(mistake: Mistake, known: Mapping[str, str], stderr: str) -> str:
    """The expected text, with the words that cannot be known taken from what came."""
    text = filled(f"error: {mistake.error}\nhint: {mistake.hint}\n", known)
    pattern = re.escape(text).replace("‹…›", "[^\n]+")
    return stderr if re.fullmatch(pattern, stderr) else text
