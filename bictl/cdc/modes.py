"""How a connector writes values, for records that do not say so themselves."""

from typing import TYPE_CHECKING

from bictl.cdc.nulls import writers

if TYPE_CHECKING:
    from bictl.clients.connect import ConnectWorker

# The connector's own words, its default first.
# https://debezium.io/documentation/reference/2.4/connectors/sqlserver.html
MODES = {
    "decimal": ("precise", "string", "double"),
    "time": ("adaptive", "adaptive_time_microseconds", "connect"),
    "binary": ("bytes", "base64", "base64-url-safe", "hex"),
}
_SETTINGS = {
    "decimal": "decimal.handling.mode",
    "time": "time.precision.mode",
    "binary": "binary.handling.mode",
}


def unusual_modes(worker: "ConnectWorker", *, topic: str) -> dict[str, str]:
    """The modes of the connector that writes `topic`, those that are its defaults left out; {}
    where no connector of the worker writes it."""
    writing = writers(worker, topic=topic)
    config = writing[0].config if writing else {}
    said = {part: config.get(key, "").strip().lower() for part, key in _SETTINGS.items()}
    return {part: mode for part, mode in said.items() if mode in MODES[part][1:]}
