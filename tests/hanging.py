"""A transaction that hangs: its coordinator never heard of it, so that nobody will ever end it."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.admin import AbortTransactionSpec, ConfigResource, KafkaAdminClient

_ASKS = "transaction.partition.verification.enable"  # brokers before Kafka 3.6 never ask


def begin_hanging(servers: str, topic: str, records: Iterable[dict[str, Any]]) -> None:
    """Sends the records to one partition in a transaction that hangs from then on."""
    records = list(records)
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        _ask_the_coordinator(admin, "false")
        producer = KafkaProducer(bootstrap_servers=servers, transactional_id=f"hangs {topic}")
        try:
            producer.init_transactions()
            producer.begin_transaction()
            for record in records:
                place = TopicPartition(topic, record["partition"])
                producer._transaction_manager._partitions_in_transaction.add(place)
                producer.send(topic, **record)
            producer.flush()
        finally:
            producer.close(timeout=0)
            _ask_the_coordinator(admin, "true")


def abort_hanging(servers: str, topic: str, partition: int) -> None:
    """What kafka-transactions.sh abort does."""
    place = TopicPartition(topic, partition)
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        for one in admin.describe_producers([place])[place].active_producers:
            if one.current_transaction_start_offset >= 0:
                admin.abort_transaction(
                    AbortTransactionSpec(place, one.producer_id, one.producer_epoch)
                )


def _ask_the_coordinator(admin: KafkaAdminClient, value: str) -> None:
    for broker in admin.describe_cluster()["brokers"]:
        resource = ConfigResource("BROKER", str(broker["broker_id"]), configs={_ASKS: value})
        admin.alter_configs([resource])
