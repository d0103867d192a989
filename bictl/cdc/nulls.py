"""Whether a connector writes a NULL as NULL: its converter puts the column's default by default."""

from typing import TYPE_CHECKING

from bictl.errors import BictlError

if TYPE_CHECKING:
    from bictl.clients.connect import ConnectWorker

_SETTING = "value.converter.replace.null.with.default"


def keeps_nulls(worker: "ConnectWorker", *, topic: str) -> bool | None:
    """Whether the connector that writes `topic` sends NULL for NULL in a column with a default.

    None where no connector of the worker writes it, where the worker's own converter does, or where
    the worker does not answer.
    """
    try:
        connectors = worker.overview()
    except BictlError:
        return None
    writing = [
        connector.config
        for connector in connectors
        if (prefix := connector.config.get("topic.prefix")) and topic.startswith(f"{prefix}.")
    ]
    if not writing:
        return None
    config = max(writing, key=lambda found: len(found["topic.prefix"]))
    if _SETTING in config:
        return config[_SETTING].strip().lower() == "false"
    return False if "value.converter" in config else None
