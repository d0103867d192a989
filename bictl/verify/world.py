"""The world of one run: the layers one upon the other, the source, and what stands around them."""

from typing import TYPE_CHECKING

from bictl import assets
from bictl.errors import BictlError, ConfigError
from bictl.verify import read_machine
from bictl.verify.captured import SourceKeys
from bictl.verify.cut import Cut
from bictl.verify.evidence import once
from bictl.verify.machine import Expiry
from bictl.verify.shelf import Shelf
from bictl.verify.world_of_rows import RowsWorld

if TYPE_CHECKING:
    from bictl.cdc.source import Source
    from bictl.cdc.source.sides import Buckets
    from bictl.ops.answer import Answer
    from bictl.ops.ledger import Last
    from bictl.ops.locks import Holder


class World(RowsWorld):
    """The systems of one table, read lazily and in an order that no race can fool.

    Kafka's ends first, the objects after them, Postgres after those in one snapshot, the source
    when everything below it was.
    """

    @property
    def may_be_empty(self) -> bool:
        """Whether a check may have nothing to look at: an empty table, nothing new since the full
        verdict that a quick look stands on, or no object left where there were some, which O2 and
        O3 judge."""
        shelf = self.known.get("shelf")
        if not isinstance(shelf, Shelf):
            return self.table.expect_empty
        none_left = bool(shelf.kept) and not shelf.batches
        return self.table.expect_empty or bool(shelf.since) or none_left

    @property
    def cut_words(self) -> str:
        """Where the partitions ended, once that is known."""
        known = self.known.get("cut")
        return ", ".join(known.words) if isinstance(known, Cut) else ""

    @property
    def source(self) -> "Source":
        """The table at its source."""
        return self._asked_source[0]

    @once
    def _asked_source(self) -> "tuple[Source]":
        opened = self.question.around.source
        if opened is None:
            raise ConfigError("no source is configured")
        return (opened(),)

    @once
    def live_keys(self) -> "Buckets":
        """The live keys by verify's own fold, by buckets."""
        from bictl.verify.read_source import live_buckets

        return self._in_snapshot(live_buckets, self.table) if self.bronze.exists else {}

    @once
    def source_keys(self) -> SourceKeys:
        """The source's keys against the live ones."""
        from bictl.verify.read_source import Tail, compare_keys, live_keys

        live, question = self.live_keys, self.question
        held = {
            partition: max(item.next for item in found)
            for partition in self.topic.partitions
            if self.life.accepted and (found := self.bronze.at((self.life.name, partition)))
        }
        moving = [one for one in self.snapshots if one.begins]
        return compare_keys(
            self.source,
            self.table,
            live=live,
            listed=lambda buckets: (
                self._in_snapshot(live_keys, self.table, buckets) if self.bronze.exists else []
            ),
            tail=Tail(
                self._ask,
                self.table,
                held=held,
                sealed={
                    partition: self.shelf.frontier((self.life.name, partition)) or 0
                    for partition in self.topic.partitions
                    if self.life.accepted
                },
                max_lag=question.max_lag,
                is_snapshot=any(one.is_moving(question.now, question.max_lag) for one in moving),
            ),
            refused=self._refused_keys() if self.bronze.rejected else (),
            settle=question.around.settle,
            stop=question.stop,
        )

    def _refused_keys(self) -> list[bytes]:
        """The raw keys of the quarantine."""
        query = assets.sql("verify/refused_keys")
        rows = self.snapshot.read(lambda database: database.rows(query, [self.table.topic]))
        return [bytes(raw) for (raw,) in rows]

    @once
    def rooms(self) -> "dict[str, Answer]":
        """The free room on disks."""
        try:
            logs = self.logs
        except BictlError:  # what Kafka does not tell is unknown elsewhere
            logs = {}
        return self._in_snapshot(read_machine.read_rooms, self.question.around, logs)

    @once
    def clocks(self) -> "dict[str, Answer]":
        """How far the services' clocks are from this machine's."""
        return self._in_snapshot(read_machine.read_clocks, self._objects)

    @once
    def expiries(self) -> tuple[Expiry, ...]:
        """The ends of certificates and passwords."""
        return self._in_snapshot(read_machine.read_expiries, self.question.around)

    @once
    def last_runs(self) -> "tuple[Last, ...]":
        """When each stage last succeeded, by the ledger of runs."""
        return self._in_snapshot(read_machine.read_last, self.table)

    @once
    def locks(self) -> "dict[str, Holder]":
        """Who holds the table's locks."""
        return self._in_snapshot(read_machine.read_locks, self.question.around, self.table)

    def cancel(self) -> None:
        """Asks Postgres to give up what it is at: the run has to end."""
        self._postgres.cancel()

    def close(self) -> None:
        """Ends the snapshot; what hangs ends with the process."""
        if not self.abandoned:
            self._postgres.close()
            for source in self.known.get("_asked_source", ()):
                source.close()
