"""An Apache Kafka with a second listener that wants a login, and with rights: on free ports."""

import ctypes
import signal
import socket
import subprocess
import time
from pathlib import Path

from bictl.local.jars import fetch
from bictl.local.java import java
from bictl.local.kafka import properties

_STARTED = "Kafka Server started (kafka.server.KafkaRaftServer)"
_PARENT_DIES = 1  # PR_SET_PDEATHSIG: the broker ends with the tests, also when these are killed
# Over the local stack's own: of a key that stands twice Kafka takes the last.
_PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\\
 org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="reader-secret";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
_LOGGING = """
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
"""


class Broker:
    """One broker with its data in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        port, sasl, controller = _free_ports(3)
        self.address, self.sasl_address = f"127.0.0.1:{port}", f"127.0.0.1:{sasl}"
        self._log = directory / "kafka.log"
        self._process: subprocess.Popen | None = None
        own = properties(directory / "data", {"kafka": port, "kafka.controller": controller})
        more = _PROPERTIES.format(port=port, sasl=sasl, controller=controller)
        (directory / "server.properties").write_text(own + more)
        (directory / "log4j.properties").write_text(_LOGGING)
        self._java = [
            str(java()),
            "-Xmx512m",
            "-Xms256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j.configuration=file:{directory}/log4j.properties",
            "-cp",
            f"{fetch() / 'libs'}/*",
        ]

    def start(self) -> None:
        """Starts it, and waits until it serves."""
        configuration = str(self.directory / "server.properties")
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(configuration)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", configuration],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
            )
        deadline = time.monotonic() + 90
        while _STARTED not in self._log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _format(self, configuration: str) -> None:
        subprocess.run(
            [
                *self._java,
                "kafka.tools.StorageTool",
                "format",
                "-t",
                "MkU3OEVBNTcwNTJENDM2Qk",
                "-c",
                configuration,
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(server.getsockname()[1]) for server in taken]
    for server in taken:
        server.close()
    return ports


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PARENT_DIES, signal.SIGKILL)
