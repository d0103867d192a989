"""A real Apache Kafka: one KRaft node on loopback, broker and controller in one process."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from bictl.errors import StageFailed
from bictl.local import virtual_machine
from bictl.local.metadata import Broker
from bictl.local.ports import HOST
from bictl.local.processes import Command
from bictl.local.service import Place

_CLUSTER = "YmljdGwtbG9jYWwtanZtMQ"  # 16 bytes in base64
_HEAP = 512  # MiB


class Kafka(Broker):
    """Kafka without authentication, on loopback; topics are created when they are written."""

    port_names: ClassVar[tuple[str, ...]] = ("kafka", "kafka.controller")
    depends_on: ClassVar[tuple[str, ...]] = ()
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    usual_start: ClassVar[float] = 15.0

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._home = place.directory / "kafka"
        self._properties = self._home / "server.properties"
        self._formatted = self._home / "formatted"

    def prepare(self) -> None:
        """Write its configuration for the ports of this start; format the data, whole or not."""
        virtual_machine.prepare(self._home)
        self._properties.write_text(
            properties(self._home / "data", self._place.ports), encoding="utf-8"
        )
        if not self._formatted.exists():
            shutil.rmtree(self._home / "data", ignore_errors=True)
            self._format()
            self._formatted.touch()

    def command(self) -> Command:
        """The broker in the foreground."""
        return virtual_machine.command(
            self._home, "kafka.Kafka", [str(self._properties)], heap=_HEAP
        )

    def marks(self) -> tuple[tuple[str, ...], ...]:
        """Its configuration is a path in the stack's directory."""
        path = str(self._properties)
        return ("kafka.Kafka", path), ("kafka.tools.StorageTool", path)

    def tidy(self) -> None:
        """Remove the native libraries that a killed process leaves."""
        shutil.rmtree(self._home / "tmp", ignore_errors=True)

    def _format(self) -> None:
        tool = virtual_machine.command(
            self._home,
            "kafka.tools.StorageTool",
            ["format", "-t", _CLUSTER, "-c", str(self._properties)],
            heap=_HEAP,
        )
        done = subprocess.run(
            [tool.executable, *tool.arguments],
            cwd=tool.cwd,
            env=dict(tool.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            start_new_session=True,  # Ctrl-C is for bictl, which ends behind it
        )
        if done.returncode:
            raise StageFailed(
                f"Kafka's storage could not be formatted: {(done.stdout + done.stderr)[-600:]}",
                hint="make room or correct the rights of the state directory, then run it again",
            )


def properties(data: Path, ports: Mapping[str, int]) -> str:
    """The broker's configuration: everything has one replica, and the groups do not wait."""
    broker, controller = f"{HOST}:{ports['kafka']}", f"{HOST}:{ports['kafka.controller']}"
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
listeners=PLAINTEXT://{broker},CONTROLLER://{controller}
advertised.listeners=PLAINTEXT://{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.backoff.ms=500
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
auto.create.topics.enable=true
"""
