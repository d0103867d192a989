"""What a worker of a given version can do."""

import re
from typing import TYPE_CHECKING

from bictl.errors import UsageError

if TYPE_CHECKING:
    from bictl.clients.connect import ConnectWorker

_NUMBER = re.compile(r"(\d+)\.(\d+)")


def kafka_version(text: str) -> tuple[int, int] | None:
    """Apache Kafka's (major, minor) behind a worker's version; None when it tells none.

    Confluent's packages count apart: their 7.6 is 3.6, their 8.0 is 4.0.
    https://docs.confluent.io/platform/current/installation/versions-interoperability.html
    """
    found = _NUMBER.match(text)
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2])
    return (major - 4, minor) if re.search(r"-(ccs|ce)\b", text) and major > 4 else (major, minor)


def need_version(worker: "ConnectWorker", least: tuple[int, int], what: str) -> None:
    """UsageError when the worker is too old for `what`; one that tells no version may try."""
    said = worker.worker().version
    version = kafka_version(said)
    if version is not None and version < least:
        wanted = ".".join(map(str, least))
        raise UsageError(
            f"{what} needs Kafka Connect {wanted} or newer; the worker at {worker.address} is "
            f"{said}",
            hint="upgrade the worker; until then the topic of its offsets has to be written by "
            "hand, see https://debezium.io/documentation/faq/"
            if least == (3, 6)
            else "pause it instead: bictl cdc pause",
        )
