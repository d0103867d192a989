"""bictl in a process that is forked with its modules loaded: hundreds of starts, few imports.

`python forked.py` is the server: a JSON line is commands to be run at once, the answer their exit
codes.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

# No module that starts threads when it is imported: those would not be in the fork.
LOADED = (
    *("bictl.cli.main", "bictl.pipeline", "bictl.verify.run", "bictl.ingest", "bictl.bronze"),
    *("bictl.clients.objects", "bictl.clients.database", "bictl.clients.topics"),
    *("boto3", "botocore.httpsession", "kafka", "kafka.admin", "kafka.net.connection", "psycopg2"),
)


class Forks:
    """The server, as its client sees it."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, words: list[str], *, environment: dict[str, str], cwd: Path, outputs: list[Path]
    ) -> list[int]:
        """Runs `bictl …` once for each of the outputs, all at once: the exit codes, negative for a
        signal. Each writes both of its streams to its output."""
        orders = [[words, environment, str(cwd), str(output)] for output in outputs]
        self._server.stdin.write(json.dumps(orders) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def close(self) -> None:
        """Ends the server."""
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()


PATIENCE = 240.0  # seconds for one command


def _serve() -> None:
    for name in LOADED:
        import_module(name)
    for line in sys.stdin:
        started = [_start(*order) for order in json.loads(line)]
        print(json.dumps([_ended(pid) for pid in started]), flush=True)


def _start(*order) -> int:
    pid = os.fork()
    if pid == 0:
        _become(*order)
    return pid


def _ended(pid: int) -> int:
    deadline = time.monotonic() + PATIENCE
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGABRT)  # an exit code that no test takes
        time.sleep(0.005)


def _become(words: list[str], environment: dict[str, str], cwd: str, output: str) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    written = os.open(output, os.O_WRONLY | os.O_CREAT, 0o600)
    for target, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, written), (2, written)):
        os.dup2(file, target)
    if "DIES" in environment:
        sys.path.insert(0, environment["PYTHONPATH"])
        import_module("sitecustomize").patch_loaded()
    if "WITHOUT_LOCKS" in environment:
        locks = import_module("bictl.ops.locks")
        locks.topic_lock = locks.stage_lock = _free
    sys.argv = ["bictl", *words]
    import_module("bictl.cli.main").main()


@contextmanager
def _free(*_arguments, **_options) -> Iterator[None]:
    """A lock that everybody gets."""
    yield


if __name__ == "__main__":
    _serve()
