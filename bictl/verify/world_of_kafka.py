"""The world of Kafka: the topic, its connector, and what the brokers tell of it."""

from typing import TYPE_CHECKING

from bictl.errors import BictlError, ConfigError, NotFound
from bictl.records import Topic
from bictl.verify.evidence import Evidence, once
from bictl.verify.source import Capture, DeadLetters, read_capture, read_dead_letters

if TYPE_CHECKING:
    from bictl.clients.topic_facts import Log, OpenTransaction, Replication
    from bictl.clients.topics import TopicReader
    from bictl.ingest.keeping import Keeping


class KafkaWorld(Evidence):
    """What can be asked without the objects."""

    @once
    def capture(self) -> Capture | None:
        """The connector that writes the topic; None without one."""
        if self.question.worker is None:
            raise ConfigError("[connect] url is not configured")
        return read_capture(self.question.worker(), topic=self.table.topic)

    @once
    def dead_letters(self) -> DeadLetters:
        """What connectors put aside of the topic."""
        if self.question.worker is None:
            raise ConfigError("[connect] url is not configured")
        return read_dead_letters(self.question.worker(), self.table.topic, self._records_in)

    def _records_in(self, topic: str) -> int:
        """The records of a topic by its offsets; 0 where it was never made."""

        def count(reader: "TopicReader") -> int:
            try:
                parts = reader.describe(topic).partitions
            except NotFound:
                return 0
            return sum(one.stable - one.start for one in reader.offsets(topic, parts).values())

        return self._ask(count)

    @once
    def topic(self) -> Topic:
        """The topic as the broker describes it; asking creates nothing."""
        return self._ask(lambda reader: reader.describe(self.table.topic))

    @once
    def commits(self) -> dict[int, int]:
        """What ingest's group committed, by partition; read before the objects, which only grow."""
        from bictl.clients.topic_facts import committed

        group, topic = self.question.around.group, self.topic.name
        return self._ask(lambda reader: committed(reader, group, topic)) if group else {}

    @once
    def keeping(self) -> "Keeping | None":
        """The topic's settings; None where the broker does not tell them."""
        from bictl.ingest.keeping import Keeping

        topic = self.topic.name
        return Keeping.of(self._ask(lambda reader: reader.configuration(topic)))

    @property
    def may_compact(self) -> bool:
        """Whether the topic compacts, as far as the broker tells."""
        try:
            return self.keeping is None or "compact" in self.keeping.policy
        except BictlError:
            return True

    @once
    def logs(self) -> "dict[int, Log]":
        """The partitions' logs on the brokers' disks."""
        from bictl.clients.topic_facts import logs

        topic = self.topic
        return self._ask(lambda reader: logs(reader, topic.name, topic.partitions))

    @once
    def transactions(self) -> "tuple[OpenTransaction, ...] | None":
        """The open transactions of the topic; None where the broker does not tell."""
        from bictl.clients.topic_facts import open_transactions

        topic = self.topic
        return self._ask(lambda r: open_transactions(r, topic.name, topic.partitions))

    @once
    def transaction_limit(self) -> int | None:
        """For how many milliseconds a transaction may be open."""
        from bictl.clients.topic_facts import transaction_limit

        return self._ask(transaction_limit)

    @once
    def replication(self) -> "Replication":
        """How the topic is spread over the brokers."""
        from bictl.clients.topic_facts import replication

        topic = self.topic.name
        return self._ask(lambda reader: replication(reader, topic))
