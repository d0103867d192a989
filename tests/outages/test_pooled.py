"""Postgres behind PgBouncer in transaction mode: doctor says so, and the pipeline is correct.

There a session's locks, settings and temporary tables are those of whichever connection is lent.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from cron_stages import Bictl, until
from scene import Scene, is_whole, listens
from servers import free_port

from bictl.settings import Settings

pytestmark = pytest.mark.timeout(600)  # the scene is made within the first test

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {directory}/users
pool_mode = {mode}
default_pool_size = 8
server_round_robin = 1
ignore_startup_parameters = extra_float_digits
"""


@contextmanager
def pooler(settings: Settings, *, mode: str) -> Iterator[int]:
    """PgBouncer before the server; its port."""
    assert shutil.which("pgbouncer"), "this test needs PgBouncer (Debian: pgbouncer)"
    port, postgres = free_port(), settings.postgres
    with tempfile.TemporaryDirectory(prefix="bictl-pooler-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        words = {"server": postgres.port, "port": port, "directory": directory, "mode": mode}
        (directory / "ini").write_text(CONFIGURATION.format(**words))
        user, password = postgres.user, postgres.password.reveal()
        (directory / "users").write_text(f'"{user}" "{password}"\n')
        as_another = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        process = subprocess.Popen(
            ["pgbouncer", "-q", str(directory / "ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_another,
        )
        try:
            until(lambda: listens(port), 30)
            yield port
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def pooled(scene: Scene) -> Iterator[tuple[Settings, dict[str, str]]]:
    """A pipeline at its beginning, and the environment that leads it through the pooler."""
    with scene.pipeline("produced") as settings, pooler(settings, mode="transaction") as port:
        yield settings, scene.through(postgres=str(port))


WORDS = "a pooler in transaction mode"


@pytest.mark.outages
def test_doctor_names_the_pooler_and_a_stage_that_cannot_work_there_says_so(pooled, tmp_path):
    settings, env = pooled
    bictl = Bictl(settings, tmp_path)
    running = bictl.start("-q", "run", env=env)
    _, err = running.communicate(timeout=120)
    assert running.returncode in (0, 2), err
    assert running.returncode == 0 or WORDS in err, err
    running = bictl.start("doctor", "--json", env=env)
    out, err = running.communicate(timeout=120)
    findings = {(one["area"], one["what"]): one for one in json.loads(out)["findings"]}
    found = findings["postgres", "session locks"]
    assert found["state"] == "fail", out
    assert WORDS in found["detail"]
    is_whole(settings, tmp_path)


@pytest.mark.outages
def test_four_runs_at_once_through_the_pooler_lose_nothing_and_take_nothing_twice(pooled, tmp_path):
    """No lock of a session holds there; the conditional writes and the unique keys do."""
    settings, env = pooled

    def run(number: int) -> tuple[int, str]:
        directory = tmp_path / str(number)
        directory.mkdir()
        state = {"BICTL_STATE_DIR": str(directory)}  # no lock of the host's either
        running = Bictl(settings, directory).start("-q", "run", env=env | state)
        _, err = running.communicate(timeout=200)
        return running.returncode, err

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(run, range(4)))
    for code, err in ended:
        assert code in (0, 2, 5), ended
        assert code != 2 or WORDS in err, ended
    is_whole(settings, tmp_path)
