"""Toxiproxy: TCP between the program and a service, which a test slows, cuts or silences.

It is a Go module, built once a machine into the cache of the tests. API:
https://github.com/Shopify/toxiproxy/tree/v2.12.0#http-api
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from servers import free_port

VERSION = "v2.12.0"
MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@{VERSION}"
GO = "1.23"  # what its go.mod asks for
Stream = Literal["upstream", "downstream"]  # requests, answers
_BYTES = re.compile(
    r'^toxiproxy_proxy_received_bytes_total\{direction="(\w+)".*proxy="([^"]*)".*\} (\S+)$', re.M
)


def built() -> Path:
    """The executable, built where it is missing; AssertionError without Go."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bictl-tests"
    executable = cache / f"toxiproxy-{VERSION}"
    if executable.exists():
        return executable
    assert shutil.which("go"), f"the tests of outages need Go {GO} (Debian: golang) for {MODULE}"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as directory:
        built_here = os.environ | {"GOBIN": directory}
        made = subprocess.run(
            ["go", "install", MODULE],
            env=built_here,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert made.returncode == 0, (
            f"the tests of outages need {MODULE}, which takes Go {GO} or newer to build;"
            f" this is {_go_version()}:\n{made.stderr}"
        )
        (Path(directory) / "server").replace(executable)  # another worker's is as good
    return executable


def _go_version() -> str:
    found = subprocess.run(["go", "version"], capture_output=True, text=True, check=False)
    return found.stdout.strip()


class Toxiproxy:
    """The running server; `log` is a file that tells of each connection."""

    def __init__(self, log: Path) -> None:
        self._log, self._port = log, free_port()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [built(), "-host", "127.0.0.1", "-port", str(self._port), "-proxy-metrics"],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 30
        while True:
            with suppress(OSError):
                self.ask("GET", "/version")
                return
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait()

    def wire(self, name: str, service: str) -> "Wire":
        """A new address that leads to the service at `host:port`."""
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": service, "enabled": True}
        address = self.ask("POST", "/proxies", body)["listen"]
        # without a port of its own a proxy would come back at another one
        self.ask("DELETE", f"/proxies/{name}")
        self.ask("POST", "/proxies", {**body, "listen": address})
        return Wire(self, name, address)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The API's answer; None where it has no body."""
        answer = self.read(method, path, body)
        return json.loads(answer) if answer else None

    def read(self, method: str, path: str, body: object = None) -> bytes:
        """The answer's bytes."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def accepted(self, name: str) -> int:
        """How many connections to the wire were taken so far."""
        lines = self._log.read_text().splitlines()
        told = [json.loads(line) for line in lines if '"Accepted client"' in line]
        return sum(one["name"] == name for one in told)


class Wire:
    """The way to one service: `address` is what the program is given."""

    def __init__(self, server: Toxiproxy, name: str, address: str) -> None:
        self._server, self._name, self.address = server, name, address
        self._count = 0

    @property
    def port(self) -> int:
        """The address's port."""
        return int(self.address.rpartition(":")[2])

    @property
    def connections(self) -> int:
        """How many were taken so far."""
        return self._server.accepted(self._name)

    def received(self, stream: Stream) -> int:
        """Bytes that came from that side so far, of connections that have ended."""
        found = _BYTES.findall(self._server.read("GET", "/metrics").decode())
        return sum(int(float(n)) for way, name, n in found if (way, name) == (stream, self._name))

    def toxic(self, kind: str, stream: Stream = "downstream", **attributes: int) -> str:
        """Does this to what is on its way, of open connections as well as of new ones; its name."""
        self._count += 1
        body = {"name": str(self._count), "type": kind, "stream": stream, "attributes": attributes}
        self._server.ask("POST", f"/proxies/{self._name}/toxics", body)
        return str(self._count)

    def end(self, toxic: str) -> None:
        """Takes that one off again, where it is still there."""
        with suppress(urllib.error.HTTPError):
            self._server.ask("DELETE", f"/proxies/{self._name}/toxics/{toxic}")

    def cut(self) -> None:
        """Ends what is open and takes nothing new: connections are refused."""
        self._server.ask("POST", f"/proxies/{self._name}", {"enabled": False})

    def heal(self) -> None:
        """As if nothing had been."""
        for toxic in self._server.ask("GET", f"/proxies/{self._name}/toxics"):
            self.end(toxic["name"])
        self._server.ask("POST", f"/proxies/{self._name}", {"enabled": True})
