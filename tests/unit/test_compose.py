"""infra/docker-compose.dev.yml, which no Docker runs here: everything about it that can be checked
without one."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from jsonschema import Draft202012Validator

from bictl import settings

INFRA = Path(__file__).parents[2] / "infra"
SCHEMA = Path(__file__).parents[1] / "fixtures" / "compose" / "compose-spec.json"
PORTS = {  # DESIGN.md's fixed ones, with SQL Server's and Metabase's own
    "sqlserver": 1433,
    "kafka": 9092,
    "schema-registry": 8081,
    "connect": 8083,
    "s3": 9000,
    "postgres": 5433,
    "metabase": 3000,
}
REQUIRED = re.compile(r"\$\{([A-Z0-9_]+):\?[^}]+\}")


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((INFRA / "docker-compose.dev.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(compose: dict) -> dict:
    return compose["services"]


@pytest.fixture(scope="module")
def connectors() -> dict[str, dict]:
    folder = INFRA / "kafka-connect" / "connectors"
    found = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}
    assert found
    return {name: document["config"] for name, document in found.items()}


def ended(services: dict) -> set[str]:
    """Services that do something and end, and whose end another one waits for."""
    return {
        name
        for service in services.values()
        for name, wanted in service.get("depends_on", {}).items()
        if wanted["condition"] == "service_completed_successfully"
    }


def test_the_file_is_legal_by_the_compose_specifications_own_schema(compose: dict) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []
    broken = {**compose, "services": {"kafka": {"healthchek": {}}}}
    assert "healthchek" in next(validator.iter_errors(broken)).message


def test_the_ports_are_the_fixed_ones_and_on_loopback_only(services: dict) -> None:
    published = {
        name: [mapping.split(":") for mapping in service["ports"]]
        for name, service in services.items()
        if "ports" in service
    }
    assert {name: [port for _, port, _ in found] for name, found in published.items()} == {
        name: [str(port)] for name, port in PORTS.items()
    }
    assert {address for found in published.values() for address, _, _ in found} == {"127.0.0.1"}


def test_the_ports_are_those_of_bictls_own_defaults(services: dict) -> None:
    default = settings.Settings()
    assert default.kafka.bootstrap_servers == f"localhost:{PORTS['kafka']}"
    assert default.s3.endpoint_url == f"http://localhost:{PORTS['s3']}"
    assert default.postgres.port == PORTS["postgres"]
    assert f"-bucket={default.s3.bucket}" in services["s3"]["command"]
    postgres = services["postgres"]["environment"]
    assert postgres["POSTGRES_DB"] == default.postgres.dbname
    assert postgres["POSTGRES_USER"] == default.postgres.user


def test_every_service_is_checked_for_health_or_awaited(services: dict) -> None:
    for name, service in services.items():
        if name in ended(services):
            assert service["restart"] == "no"
            continue
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL"), name
        assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}, name
    for name, service in services.items():
        for upstream, wanted in service.get("depends_on", {}).items():
            assert upstream in services
            wants_health = wanted["condition"] == "service_healthy"
            assert wants_health == (upstream not in ended(services)), (name, upstream)


def test_the_profiles_are_core_and_bi_and_core_stands_alone(services: dict) -> None:
    profiles = {name: service["profiles"] for name, service in services.items()}
    assert {name for name, found in profiles.items() if found == ["bi"]} == {"metabase"}
    core = {name for name, found in profiles.items() if found == ["core"]}
    assert core == set(services) - {"metabase"}
    assert {up for name in core for up in services[name].get("depends_on", {})} <= core


def test_images_are_pinned_to_a_version(services: dict) -> None:
    for name, service in services.items():
        image, _, tag = service["image"].rpartition(":")
        assert image, name
        assert re.search(r"\d+\.\d+", tag), f"{name}: {tag} moves"


def test_the_versions_are_those_that_the_tests_run(services: dict) -> None:
    pom = ElementTree.parse(INFRA / "jvm" / "pom.xml")
    found = {
        element.tag.rpartition("}")[2]: element.text
        for element in pom.iter()
        if element.tag.endswith("version")
    }
    assert services["kafka"]["image"] == f"apache/kafka:{found['kafka.version']}"
    assert services["connect"]["image"] == f"quay.io/debezium/connect:{found['debezium.version']}"


def test_no_password_stands_in_the_file(services: dict) -> None:
    secret = re.compile(r"PASSWORD|SECRET|ACCESS_KEY")
    found = {
        f"{name}.{key}": value
        for name, service in services.items()
        for key, value in service.get("environment", {}).items()
        if secret.search(key)
    }
    assert len(found) == 6
    for key, value in found.items():
        assert REQUIRED.fullmatch(value), f"{key} is {value}: it must come from .env or fail"
    commands = json.dumps([[s.get("command"), s.get("entrypoint")] for s in services.values()])
    assert not secret.search(commands)


def test_every_service_has_a_memory_limit_that_its_heap_fits_into(services: dict) -> None:
    units = {"m": 1, "g": 1024}
    for name, service in services.items():
        limit = int(service["mem_limit"][:-1]) * units[service["mem_limit"][-1]]
        environment = " ".join(service.get("environment", {}).values())
        for size, unit in re.findall(r"-Xmx(\d+)([mg])", environment):
            assert int(size) * units[unit] * 4 <= limit * 3, name


def test_volumes_are_named_and_declared(compose: dict, services: dict) -> None:
    mounts = [
        mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())
    ]
    assert {mount for mount in mounts if not mount.startswith("./")} == set(compose["volumes"])
    for mount in mounts:
        assert not mount.startswith("./") or (INFRA / mount).exists()


def test_connectors_name_services_and_a_mounted_secret(
    compose: dict, services: dict, connectors: dict[str, dict]
) -> None:
    worker = services["connect"]["environment"]
    mounted = {f"/run/secrets/{item['target']}" for item in services["connect"]["secrets"]}
    assert {item["source"] for item in services["connect"]["secrets"]} == set(compose["secrets"])
    for name, config in connectors.items():
        assert config["database.hostname"] in services, name
        history = config["schema.history.internal.kafka.bootstrap.servers"]
        assert history == worker["BOOTSTRAP_SERVERS"], name
        for value in config.values():
            for provider, path in re.findall(r"\$\{(\w+):([^:}]+):", value):
                assert provider in worker["CONNECT_CONFIG_PROVIDERS"].split(","), name
                assert f"CONNECT_CONFIG_PROVIDERS_{provider.upper()}_CLASS" in worker
                assert path in mounted, name
    assert any("${" in value for config in connectors.values() for value in config.values())


def test_inside_the_network_kafka_is_the_advertised_address(services: dict) -> None:
    environment = services["kafka"]["environment"]
    advertised = environment["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == f"INSIDE://kafka:29092,OUTSIDE://localhost:{PORTS['kafka']}"
    assert services["connect"]["environment"]["BOOTSTRAP_SERVERS"] == "kafka:29092"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A copy of infra/ in which write-env has run."""
    copy = tmp_path / "infra"
    copy.mkdir()
    shutil.copy2(INFRA / "write-env", copy)
    done = subprocess.run([copy / "write-env"], capture_output=True, text=True, check=True)
    for _, password in variables(copy).items():
        assert password not in done.stdout + done.stderr
    return copy


def variables(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_write_env_draws_every_password_that_the_file_asks_for(written: Path) -> None:
    text = (INFRA / "docker-compose.dev.yml").read_text(encoding="utf-8")
    drawn = variables(written)
    assert set(drawn) == set(REQUIRED.findall(text))
    assert len(set(drawn.values())) == len(drawn)
    assert all(re.fullmatch(r"Aa1[A-Za-z0-9]{29}", value) for value in drawn.values())
    assert (written / ".env").stat().st_mode & 0o777 == 0o600
    assert (written / ".secrets").stat().st_mode & 0o777 == 0o700
    connector = (written / ".secrets" / "sqlserver.properties").read_text(encoding="utf-8")
    assert connector == f"password={drawn['SQLSERVER_DEBEZIUM_PASSWORD']}\n"


def test_write_env_changes_nothing_the_second_time(written: Path) -> None:
    before = variables(written)
    done = subprocess.run([written / "write-env"], capture_output=True, text=True, check=True)
    assert "nothing was changed" in done.stderr
    assert variables(written) == before


def test_write_env_leaves_a_configuration_that_bictl_reads(written: Path) -> None:
    read = settings.load(config=str(written / "bictl.toml"), environment={})
    drawn = variables(written)
    assert read.connect.url == f"http://localhost:{PORTS['connect']}"
    assert read.postgres.password.reveal() == drawn["POSTGRES_PASSWORD"]
    assert read.sqlserver.port == PORTS["sqlserver"]
    assert read.sqlserver.password.reveal() == drawn["SQLSERVER_DEBEZIUM_PASSWORD"]
    assert read.s3.access_key_id == drawn["S3_ACCESS_KEY_ID"]
    assert read.s3.secret_access_key.reveal() == drawn["S3_SECRET_ACCESS_KEY"]


def test_git_ignores_what_write_env_leaves() -> None:
    ignored = (INFRA.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"infra/.env", "infra/.env.new", "infra/.secrets/", "bictl.toml"} <= set(ignored)
