"""The world of the objects: the shelf, and Kafka's ends at t0 between two looks at it."""

from collections.abc import Collection
from contextlib import closing
from typing import TYPE_CHECKING, Any

from bictl import wire
from bictl.clients.relations import columns
from bictl.errors import AccessDenied, BictlError, StageFailed
from bictl.verify import cut as cutting
from bictl.verify import expired as expiring
from bictl.verify import read_bronze, read_contents
from bictl.verify.contents import Contents
from bictl.verify.cut import Anchor, Cut, Ends, Life
from bictl.verify.evidence import once
from bictl.verify.expired import Rules
from bictl.verify.inspect import Listing, list_objects, read_batches
from bictl.verify.meta import Verdict
from bictl.verify.shelf import Acked, Batch, Place, Shelf, end_of
from bictl.verify.slices import WHOLE, Looked, looked
from bictl.verify.world_of_kafka import KafkaWorld

if TYPE_CHECKING:
    from bictl.ingest.frontier_object import Anchor as LastSealed
    from bictl.ingest.frontier_object import Kept
    from bictl.ingest.old_objects import Note


class ObjectsWorld(KafkaWorld):
    """Kafka against the objects."""

    @once
    def acked(self) -> tuple[Acked, ...]:
        """What a person acknowledged; acknowledgements are objects too."""
        from bictl.verify.acks import read_acks

        return read_acks(self._objects, self.table, now=self.question.now)

    @once
    def kept(self) -> "Kept":
        """The frontier objects, read before the batches behind them are listed."""
        from bictl.ingest.frontier_object import read_kept

        return read_kept(self._objects, self.table.prefix, topic=self.table.topic)

    def kept_by_now(self) -> "Collection[Place]":
        """The partitions that have a frontier object by now."""
        from bictl.ingest.frontier_object import read_kept

        return read_kept(self._objects, self.table.prefix, topic=self.table.topic).found.keys()

    @once
    def first_listing(self) -> Listing:
        """What stood under the prefix before the ends were read."""
        self._attempt("kept")
        return self._list()

    @once
    def newest_then(self) -> Shelf:
        """The newest batch of each partition before the ends were read."""
        newest = self._read(self.first_listing.newest(), level="manifest")
        return Shelf(
            batches=tuple(batch for batch in newest if batch.sound),
            acked=self.acked,
            kept=self.kept.found,
        )

    @once
    def life(self) -> Life:
        """Which generation the topic's records belong to."""
        return cutting.choose_life(self.topic, self.newest_then)

    @once
    def ends(self) -> Ends:
        """The stable end of every partition at t0."""
        life, frontiers = self.life, {}
        for generation, partition in self.newest_then.places:
            if life.accepted and generation == life.name:
                frontiers[partition] = self.newest_then.frontier((generation, partition)) or 0
        topic, at = self.topic, self.question.now
        return self._ask(lambda r: cutting.read_ends(r, topic, frontiers=frontiers, at=at))

    @once
    def verdict(self) -> Verdict | None:
        """The last full verdict that was complete."""
        with closing(self._outside.beside()) as database:
            if not columns(database, "bictl.run"):
                return None
            return read_bronze.read_verdict(database, self.table)

    @once
    def shelf(self) -> Shelf:
        """The objects, listed after the ends were read."""
        self._attempt("ends")
        if "ends" in self.known:
            self._attempt("commits")
        self._attempt("notes")
        listing = self._list()
        since = self._since(listing) if self.level == "quick" else {}
        wanted = [
            item for item in listing.named if item[1].first >= since.get(place_of(item[1]), 0)
        ]
        return Shelf(
            batches=self._read(wanted, level=self.level),
            foreign=listing.foreign,
            old=listing.old,
            acked=self._standing_acks(),
            since=since,
            kept=self.kept.found,
            damaged=self.kept.damaged,
        )

    @once
    def notes(self) -> "dict[tuple[str, str], Note]":
        """What became of what other scripts left, read before the shelf: never ahead of it."""
        from bictl.ingest.old_objects import read_notes

        return {} if self.level == "quick" else read_notes(self._objects, self.table.prefix)

    @once
    def cut(self) -> Cut:
        """The ends at t0 beside the frontiers of the shelf."""
        ends, shelf, life = self.ends, self.shelf, self.life
        return self._ask(lambda reader: cutting.fix(reader, ends, shelf, life))

    @once
    def anchors(self) -> tuple[Anchor, ...]:
        """Whether the last sealed record of each partition still stands in Kafka."""
        sealed = {}
        for place in self.shelf.places:
            if place[0] == self.cut.generation and place[1] in self.cut.topic.partitions:
                anchor = self._last_sealed(place)
                sealed.update({place[1]: anchor} if anchor is not None else {})
        cut = self.cut
        return self._ask(lambda reader: cutting.compare_anchors(reader, cut, sealed))

    @once
    def served(self) -> Contents:
        """What Kafka still serves against the objects, record by record."""
        cut, shelf, within = self.cut, self.shelf, self.question.slice
        with closing(self._own_reader.beside()) as reader:  # minutes in which others may ask
            return read_contents.compare_kafka(reader, self._objects, cut, shelf, within)

    @once
    def looked(self) -> Looked | None:
        """How much of the contents is compared; None where that is all or nothing of them."""
        within = self.question.slice
        return None if self.level != "deep" or within == WHOLE else looked(within, self.shelf)

    @once
    def overlapping(self) -> Contents:
        """Records of batches that answer for the same offsets, against each other."""
        return read_contents.compare_overlaps(self._objects, self.shelf)

    @once
    def rules(self) -> Rules:
        """What may expire the table's objects: the bucket's rules, and the configuration's word."""
        said = expiring.declared(self.table)
        try:
            found = self._objects.expiries()
        except (AccessDenied, StageFailed) as error:
            return Rules(rules=said, unread=error.message)
        return Rules(rules=(*said, *found))

    def _standing_acks(self) -> tuple[Acked, ...]:
        """The acknowledgements, without what Kafka still serves wherever it says what it serves."""
        from bictl.verify.acks import without_served

        known = "ends" in self.known
        return without_served(self.acked, self.ends, self.life) if known else self.acked

    def _since(self, listing: Listing) -> dict[Place, int]:
        """Where a quick look starts in each partition that the last full verdict knew: where that
        one ended, and at the newest batch, so that it looks at something at any time."""
        try:
            known = self.verdict.frontiers if self.verdict else {}
        except BictlError:  # then it looks at everything
            return {}
        newest = {place: kept.newest.next for place, kept in self.kept.found.items()}
        newest.update((place_of(name), name.first) for _, name in listing.newest())
        return {
            place: min(newest[place], frontier)
            for place, frontier in known.items()
            if place in newest
        }

    def _list(self) -> Listing:
        acks = {item.key for item in self.acked}
        return list_objects(self._objects, self.table.prefix, other=acks)

    def _read(self, listed: Any, *, level: str) -> tuple[Batch, ...]:
        topic, within = self.table.topic, self.question.slice
        return read_batches(self._objects, listed, topic=topic, level=level, within=within)

    def _last_sealed(self, place: Place) -> "LastSealed | None":
        """The last sealed record of a partition: its object's, or what outlives that."""
        from bictl.ingest.frontier_object import Anchor as LastSealed

        chain, kept = self.shelf.chains.get(place, ()), self.shelf.kept.get(place)
        if kept is not None and all(end_of(batch) < kept.newest.next for batch in chain):
            return kept.anchor
        line = self._last_record(chain)
        return None if line is None else LastSealed.of(line)

    def _last_record(self, chain: tuple[Batch, ...]) -> wire.Line | None:
        """The last record in a chain, if it can be read."""
        for batch in reversed(chain):
            if batch.sound and batch.records:
                try:
                    last = b""
                    for line in wire.read_lines(self._objects.get(batch.key)[0]):
                        last = line
                    return wire.parse_line(last)
                except ValueError:
                    return None
        return None


def place_of(name: Any) -> Place:
    """The partition of a batch's name."""
    return name.generation, name.partition
