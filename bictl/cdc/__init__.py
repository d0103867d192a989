"""Source → Kafka: what each connector does, whether it is well, and the changes made to it."""

from bictl.cdc.health import Health, judge, root_cause
from bictl.cdc.patience import Patience, await_effect
from bictl.cdc.position import Position, decode
from bictl.cdc.report import ConnectorStatus, TaskStatus, exit_code, status

__all__ = [
    "ConnectorStatus",
    "Health",
    "Patience",
    "Position",
    "TaskStatus",
    "await_effect",
    "decode",
    "exit_code",
    "judge",
    "root_cause",
    "status",
]
