"""Whether a connector writes a NULL as NULL: its converter puts the column's default by default."""

from typing import TYPE_CHECKING

from bictl.errors import BictlError

if TYPE_CHECKING:
    from bictl.clients.connect import Connector, ConnectWorker

_SETTING = "value.converter.replace.null.with.default"


def keeps_nulls(worker: "ConnectWorker", *, topic: str) -> bool | None:
    """Whether the connector that writes `topic` sends NULL for NULL in a column with a default.

    None where no connector of the worker writes it, where the worker's own converter does, or where
    the worker does not answer.
    """
    try:
        writing = writers(worker, topic=topic)
    except BictlError:
        return None
    if not writing:
        return None
    config = writing[0].config
    if _SETTING in config:
        return config[_SETTING].strip().lower() == "false"
    return False if "value.converter" in config else None


def writers(worker: "ConnectWorker", *, topic: str) -> "list[Connector]":
    """The connectors whose topic prefix the topic has, the longest prefix first."""
    found = [
        connector
        for connector in worker.overview()
        if (prefix := connector.config.get("topic.prefix")) and topic.startswith(f"{prefix}.")
    ]
    return sorted(found, key=lambda one: -len(one.config["topic.prefix"]))
