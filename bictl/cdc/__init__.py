"""Source → Kafka: what each connector does, whether it is well, and how far it has come."""

from bictl.cdc.status import (
    ConnectorStatus,
    Health,
    Position,
    TaskStatus,
    decode,
    exit_code,
    judge,
    root_cause,
    status,
)

__all__ = [
    "ConnectorStatus",
    "Health",
    "Position",
    "TaskStatus",
    "decode",
    "exit_code",
    "judge",
    "root_cause",
    "status",
]
