"""A connector in words."""

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from bictl.counted import counted

if TYPE_CHECKING:
    from bictl.clients.connect import Connector


def states(connector: "Connector") -> str:
    """`RUNNING, 2 tasks RUNNING, 1 task FAILED`."""
    counts = Counter(task.state for task in connector.tasks)
    tasks = [f"{counted(count, 'task')} {state}" for state, count in sorted(counts.items())]
    return ", ".join([connector.state, *(tasks or ["no task"])])


def command(verb: str, name: str, *flags: str) -> str:
    """`bictl cdc VERB NAME` as a shell takes it, whatever the name."""
    words = ["bictl", "cdc", *verb.split(), *flags, *(["--"] if name.startswith("-") else []), name]
    return shlex.join(words)
