"""Source → Kafka: what each connector does, whether it is well, and the changes made to it."""

from bictl.cdc.apply import Applied, Plan, apply, consequences, plan
from bictl.cdc.connector_file import ConnectorFile
from bictl.cdc.finding import Finding
from bictl.cdc.health import Health, judge, root_cause
from bictl.cdc.neighbours import Neighbour, leads_to
from bictl.cdc.patience import Patience, await_effect
from bictl.cdc.position import Position, decode
from bictl.cdc.report import ConnectorStatus, TaskStatus, exit_code, status
from bictl.cdc.validate import Around, Verdict, ask, check, look

__all__ = [
    "Applied",
    "Around",
    "ConnectorFile",
    "ConnectorStatus",
    "Finding",
    "Health",
    "Neighbour",
    "Patience",
    "Plan",
    "Position",
    "TaskStatus",
    "Verdict",
    "apply",
    "ask",
    "await_effect",
    "check",
    "consequences",
    "decode",
    "exit_code",
    "judge",
    "leads_to",
    "look",
    "plan",
    "root_cause",
    "status",
]
