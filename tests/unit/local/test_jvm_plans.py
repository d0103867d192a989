"""The JVM stack before anything of it runs: Java and Maven, the jars, the configurations."""

import os
import re
import signal
import threading
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from bictl import settings
from bictl.errors import MissingDependency, StageFailed, TimedOut, Unreachable, UsageError
from bictl.local import configuration, connect, jars, kafka, state
from bictl.local.capture import connector, write_file
from bictl.local.catalogue import Catalogue
from bictl.local.java import java, version_of
from bictl.local.manifests import PLUGINS, write_manifests
from bictl.local.service import Place
from bictl.local.stack import Stack
from bictl.local.traffic import row

PORTS = {
    **{"kafka": 1001, "kafka.controller": 1002, "connect": 1003, "source": 1004},
    **{"s3": 1005, "postgres": 1006},
}
SECRETS = {
    "source": "s0urce-Secret",
    "postgres": "pg-Secret",
    "s3_access_key_id": "KEY",
    "s3_secret_access_key": "s3-Secret",
}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, PORTS, SECRETS)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """`program(name, script)`: the only programs of that name on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)

    def write(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bictl"


FETCHES = """
for word in "$@"; do case "$word" in -Ddist=*) dist="${word#-Ddist=}";; esac; done
echo run >> "$(dirname "$0")/runs"
mkdir -p "$dist/libs" "$dist/plugins"
"""


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21-ea" 2023-09-19', 21),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25" 2025-09-16', 25),
        ("command not found", None),
    ],
)
def test_every_way_to_say_a_javas_version_is_understood(words, version):
    assert version_of(words) == version


def test_a_java_that_is_too_old_is_named_with_its_version(program):
    old = program("java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(MissingDependency) as caught:
        java()
    assert caught.value.message == f"expected Java 17 or newer, {old} is Java 11"
    assert "openjdk-17" in caught.value.hint


def test_a_java_home_without_a_java_is_told_and_not_passed_over(program, tmp_path):
    program("java", """echo 'openjdk version "17.0.1"' >&2""")
    with pytest.raises(MissingDependency, match="JAVA_HOME") as caught:
        java({"JAVA_HOME": str(tmp_path / "gone"), "PATH": os.environ["PATH"]})
    assert "JAVA_HOME" in caught.value.hint


def test_a_missing_java_is_told_with_what_needs_none(tmp_path):
    with pytest.raises(MissingDependency, match="there is no java here") as caught:
        java({"PATH": str(tmp_path)})
    assert "the embedded broker needs no Java" in caught.value.hint


def test_nothing_is_downloaded_unsaid_and_nothing_twice(program, empty_cache):
    mvn, said = program("mvn", FETCHES), []
    found = jars.fetch(on_wait=said.append)
    assert found == jars.fetch(on_wait=said.append) == jars.kept()
    assert (found / "libs").is_dir()
    assert said == [
        f"fetching Kafka, Connect and Debezium with Maven into {found} "
        "(about 85 MB from Maven Central, once)"
    ]
    assert (mvn.parent / "runs").read_text() == "run\n"


def test_two_at_once_download_once(program, empty_cache):
    mvn, found = program("mvn", f"sleep 0.3\n{FETCHES}"), []
    threads = [threading.Thread(target=lambda: found.append(jars.fetch())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [jars.kept()] * 4
    assert (mvn.parent / "runs").read_text() == "run\n"


def test_a_download_that_was_killed_is_begun_anew(program, empty_cache):
    program("mvn", FETCHES)
    left = empty_cache / f"{jars.kept().name}.4711"
    left.mkdir(parents=True)
    assert jars.fetch().is_dir()
    assert not left.exists()


def test_a_stop_ends_maven_and_leaves_nothing(program, empty_cache):
    mvn = program("mvn", 'echo $$ > "$(dirname "$0")/pid"\nexec sleep 60')
    pid = mvn.parent / "pid"
    found = jars.fetch(stop=lambda: pid.exists() and bool(pid.read_text().strip()))
    assert not found.exists()
    assert [path.name for path in empty_cache.iterdir()] == ["jvm.lock"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGTERM)


def test_a_missing_maven_is_told(tmp_path, monkeypatch, empty_cache):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match=re.escape("Maven (mvn) is missing")) as caught:
        jars.fetch()
    assert "apt-get install maven" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Cannot access central (…) in offline mode and the artifact … is not available", 4),
        ("Could not transfer artifact a:b:pom:1 from/to central: repo: Name does not resolve", 4),
        ("Connect to repo.example.org:443 failed: Connection refused", 4),
        ("No space left on device", 1),
    ],
)
def test_what_maven_says_is_told_and_is_worth_a_retry_where_the_network_is(
    program, empty_cache, words, kind
):
    program("mvn", f"echo '[ERROR] {words}'\necho '[ERROR] second line'\nexit 1")
    with pytest.raises((Unreachable, StageFailed)) as caught:
        jars.fetch()
    assert caught.value.exit_code == kind
    assert words in caught.value.message
    assert "second line" not in caught.value.message
    assert not jars.kept().exists()


def test_a_maven_that_hangs_is_not_waited_for_for_ever(program, empty_cache, monkeypatch):
    program("mvn", "exec sleep 60")
    monkeypatch.setattr(jars, "_PATIENCE", 0.3)
    with pytest.raises(TimedOut):
        jars.fetch()


def test_a_plugin_list_names_the_classes_that_its_jars_hold_and_no_others(tmp_path):
    plugin = tmp_path / "debezium-connector-postgres"
    plugin.mkdir()
    with zipfile.ZipFile(plugin / "connector.jar", "w") as jar:
        jar.writestr("io/debezium/connector/postgresql/PostgresConnector.class", b"")
        jar.writestr("io/debezium/transforms/HeaderToValue.class", b"")
    write_manifests(tmp_path)
    with zipfile.ZipFile(plugin / "bictl-plugin-lists.jar") as jar:
        lists = {name.rpartition("connect.")[2]: jar.read(name).split() for name in jar.namelist()}
    assert lists == {
        **{key: [] for key in PLUGINS},
        "source.SourceConnector": [b"io.debezium.connector.postgresql.PostgresConnector"],
        "transforms.Transformation": [b"io.debezium.transforms.HeaderToValue"],
    }


def test_everything_listens_on_loopback_and_has_one_replica(place):
    broker = kafka.properties(place.directory / "data", PORTS)
    assert "listeners=PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002" in broker
    worker = connect.properties(place)
    assert "listeners=http://127.0.0.1:1003" in worker
    for text in (broker, worker):
        addresses = re.findall(r"(?:@|//|=)([\w.]+):\d+", text)
        assert addresses
        assert set(addresses) == {"127.0.0.1"}
        assert set(re.findall(r"replication\.factor=(\d+)", text)) == {"1"}


def test_the_generated_configuration_leads_to_every_service_and_is_valid(place, tmp_path):
    path = tmp_path / "bictl.toml"
    path.touch(mode=0o600)
    path.write_text(configuration.text(place, jvm=True))
    found = settings.load(config=str(path), environment={})
    assert found.kafka.bootstrap_servers == "127.0.0.1:1001"
    assert found.kafka.end_offsets == "list"
    assert found.connect.url == "http://127.0.0.1:1003"
    assert found.connect.connector == "postgres-product-connector"
    assert found.connect.connectors_dir == str(tmp_path / "connectors")
    assert found.postgres.port == 1006
    assert found.table("product").topic == "cord.ConcordDb.dbo.Product"


def test_the_connectors_file_is_what_the_rules_want_and_holds_no_secret(place, tmp_path):
    from bictl.cdc.connector_file import read
    from bictl.cdc.rules import check_values

    path = write_file(tmp_path / "connectors", connect.source_file(place))
    assert not any(secret in path.read_text() for secret in SECRETS.values())
    draft = read(path)
    assert draft.name == configuration.CONNECTOR
    assert list(check_values(draft.config)) == []
    assert f"{draft.config['topic.prefix']}.dbo.Product" == "cord.ConcordDb.dbo.Product"


def test_another_database_has_topics_of_its_own(tmp_path):
    found = connector(tmp_path / "source", database="other", tables=("a.B", "c.D"), slot="s1")
    assert found["topic.prefix"] == "cord.other"
    assert found["table.include.list"] == "a.B,c.D"
    assert found["slot.name"] == found["publication.name"] == "s1"


@pytest.mark.parametrize("jvm", [True, False])
def test_a_stack_of_one_kind_is_never_started_as_the_other(tmp_path, jvm):
    place = tmp_path / "state"
    (place / "stack").mkdir(parents=True)
    kept = state.State(PORTS, SECRETS, {}, jvm)
    state.save(place / "stack", kept)
    with pytest.raises(UsageError, match="its data belongs to that broker") as caught:
        Stack.start(place, jvm=not jvm)
    assert "bictl stack up starts it as it is" in caught.value.hint
    assert state.load(place / "stack") == kept


def test_a_stack_that_was_made_before_there_were_two_kinds_is_embedded(tmp_path):
    (tmp_path / "stack.json").write_text('{"ports": {"s3": 1}, "secrets": {}, "processes": {}}')
    assert state.load(tmp_path).jvm is False


def test_a_product_is_a_row_of_the_source_to_the_last_digit():
    product = (
        Catalogue()
        .product(1)
        ._replace(
            weight=-1,
            volume=1,
            price=99,
            created=1_577_836_800_123_456_700,
            updated=1_577_836_800_003,
        )
    )
    found = row(product)
    assert len(found) == 15
    assert found[4] == Decimal("-0.0001")
    assert found[8] == Decimal("0.000001")
    assert found[9] == Decimal("0.0099")
    assert [str(moment) for moment in found[13:]] == [
        "2020-01-01 00:00:00.123456",
        "2020-01-01 00:00:00.003000",
    ]
