"""A real Kafka Connect worker with Debezium's Postgres and SQL Server plugins, on loopback.

Where the source is and its password are in a file that the worker reads for its connectors
(`${file:…:password}`), so that neither stands in a connector's configuration.
"""

import contextlib
import http.client
import json
import shutil
import signal
from pathlib import Path
from typing import Any, ClassVar

from bictl.local import virtual_machine
from bictl.local.jars import kept
from bictl.local.ports import HOST
from bictl.local.processes import Command
from bictl.local.service import Place
from bictl.local.source import USER
from bictl.local.state import write_private

_HEAP = 768  # MiB: a snapshot of 61,443 rows takes 650 MB of memory with it
_JSON = "application/json"


class ConnectWorker:
    """A worker of one node; its configuration, offsets and states are topics of the stack's Kafka.

    It starts anew when the source's port has changed, because it keeps what it read.
    """

    name: ClassVar[str] = "connect"
    port_names: ClassVar[tuple[str, ...]] = ("connect",)
    depends_on: ClassVar[tuple[str, ...]] = ("kafka", "source")
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    usual_start: ClassVar[float] = 40.0

    def __init__(self, place: Place) -> None:
        self._place = place
        self._home = place.directory / "connect"
        self._properties = self._home / "connect.properties"

    def prepare(self) -> None:
        """Write its configuration and the source's address for the ports of this start."""
        virtual_machine.prepare(self._home)
        write_private(source_file(self._place), _source(self._place))
        self._properties.write_text(properties(self._place), encoding="utf-8")

    def command(self) -> Command:
        """The worker in the foreground."""
        return virtual_machine.command(
            self._home,
            "org.apache.kafka.connect.cli.ConnectDistributed",
            [str(self._properties)],
            heap=_HEAP,
        )

    def marks(self) -> tuple[tuple[str, ...], ...]:
        """Its configuration is a path in the stack's directory."""
        return (("org.apache.kafka.connect.cli.ConnectDistributed", str(self._properties)),)

    def elsewhere(self) -> list[Path]:
        """Nothing."""
        return []

    def is_ready(self) -> bool:
        """Whether it has joined its group and shared out the tasks of the connectors it knows."""
        found = self._get("/connectors?expand=status")
        return isinstance(found, dict) and all(map(_assigned, found.values()))

    def answers(self) -> bool:
        """Whether it lists its connectors: in its first seconds it answers 404 to everything."""
        return isinstance(self._get("/connectors"), list)

    def endpoint(self) -> str:
        """The URL of its REST API."""
        return f"http://{HOST}:{self._place.ports['connect']}"

    def tidy(self) -> None:
        """Remove the native libraries that a killed process leaves."""
        shutil.rmtree(self._home / "tmp", ignore_errors=True)

    def _get(self, path: str) -> Any:
        """The JSON of a 200, else None."""
        connection = http.client.HTTPConnection(HOST, self._place.ports["connect"], timeout=5)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException, ValueError),
        ):
            connection.request("GET", path, headers={"Accept": _JSON})
            answer = connection.getresponse()
            if answer.status == 200 and answer.headers.get_content_type() == _JSON:
                return json.loads(answer.read())
        return None


def source_file(place: Place) -> Path:
    """Where a connector finds host, port, user and password of the source."""
    return place.directory / "connect" / "source.properties"


def properties(place: Place) -> str:
    """The worker's configuration."""
    return f"""\
bootstrap.servers={HOST}:{place.ports["kafka"]}
group.id=bictl-connect
listeners=http://{HOST}:{place.ports["connect"]}
rest.advertised.host.name={HOST}
rest.advertised.port={place.ports["connect"]}
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic=connect-status
status.storage.replication.factor=1
status.storage.partitions=1
offset.flush.interval.ms=2000
scheduled.rebalance.max.delay.ms=0
plugin.discovery=service_load
plugin.path={kept() / "plugins"}
config.providers=file
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
"""


def _source(place: Place) -> str:
    return f"""\
host={HOST}
port={place.ports["source"]}
user={USER}
password={place.secrets["source"]}
"""


def _assigned(connector: Any) -> bool:
    status = connector["status"]
    parts = (status["connector"], *status["tasks"])
    return all(part["state"] not in ("UNASSIGNED", "RESTARTING") for part in parts)
