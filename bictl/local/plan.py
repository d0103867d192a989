"""What the demo has published, so that it goes on where it was: rounds, kept in demo.json.

A round is written down before its first record is produced. Its records follow from it to the
byte, so a killed round is finished by producing what the topic does not hold yet.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path

from bictl.local.catalogue import Catalogue
from bictl.local.changes import Change, Round, snapshot, stream
from bictl.local.events import Event, events
from bictl.local.state import write_private

_FORMAT = "bictl.demo/1"


@dataclass(frozen=True)
class Plan:
    """The rounds of one topic; `topic_id` because a recreated topic begins anew, `first` is the
    offset at which the newest round begins."""

    topic: str
    topic_id: str | None
    seed: int = 1
    rounds: tuple[Round, ...] = ()
    first: int = 0

    def changes(self) -> list[Change]:
        """What happens in the newest round, its snapshot apart."""
        *_, newest = stream(Catalogue(self.seed), self.rounds)
        return newest

    def snapshot_rows(self) -> int:
        """How many rows the newest round reads before it."""
        return self.rounds[0].products if len(self.rounds) == 1 else 0

    def events(self, *, skip: int) -> Iterator[Event]:
        """The newest round's records from the one after `skip`."""
        rows = min(skip, self.snapshot_rows())
        read: Iterator[Change] = iter(())
        if self.snapshot_rows():
            read = snapshot(Catalogue(self.seed), self.rounds[0], skip=rows)
        later = (event for change in self.changes() for event in events(change, self.topic))
        return chain(
            (event for change in read for event in events(change, self.topic)),
            islice(later, skip - rows, None),
        )

    def size(self) -> int:
        """How many records the newest round has: a delete has two."""
        changes = self.changes()
        return self.snapshot_rows() + len(changes) + sum(change.op == "d" for change in changes)

    def then(self, round: Round, *, first: int) -> "Plan":
        """The plan with one more round, whose records begin at `first`."""
        return replace(self, rounds=(*self.rounds, round), first=first)


def load(directory: Path, *, topic: str, topic_id: str | None) -> Plan:
    """The plan of that very topic, or an empty one."""
    try:
        kept = json.loads((directory / "demo.json").read_text(encoding="utf-8"))
        if (kept["topic"], kept["topic_id"]) == (topic, topic_id):
            rounds = tuple(Round(**round) for round in kept["rounds"])
            return Plan(topic, topic_id, kept["seed"], rounds, kept["first"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing was published, or nothing that can be continued
    return Plan(topic, topic_id)


def save(directory: Path, plan: Plan) -> None:
    """Write the plan, whole or not at all."""
    document = {"format": _FORMAT, **asdict(plan)}
    write_private(directory / "demo.json", json.dumps(document) + "\n")
