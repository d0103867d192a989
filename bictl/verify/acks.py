"""What a person acknowledged, read from the bucket: it stays visible in every verdict."""

from typing import TYPE_CHECKING

from bictl.verify.shelf import Acked

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.settings import Table


def is_ack(table: "Table", key: str) -> bool:
    """Whether a key under the table's prefix is an acknowledgement."""
    return False


def read_acks(objects: "ObjectStore", table: "Table") -> tuple[Acked, ...]:
    """The acknowledgements of the table."""
    return ()
