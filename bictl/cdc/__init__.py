"""Source → Kafka: what each connector does, whether it is well, and the changes made to it."""

from bictl.cdc.apply import Applied, Plan, apply, consequences, plan
from bictl.cdc.arrival import Arrival
from bictl.cdc.change import Change, Request, Verb, carry_out, failure, prepare, watch
from bictl.cdc.connector_file import ConnectorFile
from bictl.cdc.finding import Finding
from bictl.cdc.health import Health, judge, root_cause
from bictl.cdc.listening import check_topics, prepare_signal
from bictl.cdc.neighbours import Neighbour, leads_to, topics_are_known
from bictl.cdc.offsets import Reset, plan_reset, reset_offsets, show_offsets
from bictl.cdc.patience import Patience, await_effect
from bictl.cdc.position import Position, decode
from bictl.cdc.report import ConnectorStatus, TaskStatus, exit_code, status
from bictl.cdc.rules import check_values
from bictl.cdc.signal import Channel, Signal
from bictl.cdc.validate import Around, Verdict, ask, check, look
from bictl.cdc.verbs import DELETE, PAUSE, RESTART_ALL, RESTART_FAILED, RESUME, STOP
from bictl.cdc.version import kafka_version, need_version
from bictl.cdc.words import command

__all__ = [
    "DELETE",
    "PAUSE",
    "RESTART_ALL",
    "RESTART_FAILED",
    "RESUME",
    "STOP",
    "Applied",
    "Around",
    "Arrival",
    "Change",
    "Channel",
    "ConnectorFile",
    "ConnectorStatus",
    "Finding",
    "Health",
    "Neighbour",
    "Patience",
    "Plan",
    "Position",
    "Request",
    "Reset",
    "Signal",
    "TaskStatus",
    "Verb",
    "Verdict",
    "apply",
    "ask",
    "await_effect",
    "carry_out",
    "check",
    "check_topics",
    "check_values",
    "command",
    "consequences",
    "decode",
    "exit_code",
    "failure",
    "judge",
    "kafka_version",
    "leads_to",
    "look",
    "need_version",
    "plan",
    "plan_reset",
    "prepare",
    "prepare_signal",
    "reset_offsets",
    "root_cause",
    "show_offsets",
    "status",
    "topics_are_known",
    "watch",
]
