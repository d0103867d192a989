"""What a person acknowledged, read from the bucket: it stays visible in every verdict."""

from typing import TYPE_CHECKING

from bictl.verify.shelf import Acked

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.ingest.acks import Ack
    from bictl.settings import Table


def read_acks(objects: "ObjectStore", table: "Table") -> tuple[Acked, ...]:
    """The acknowledgements of the table, each with the key of its object."""
    from bictl.ingest.acks import list_acks

    return tuple(_acked(ack, table) for ack in list_acks(objects, table.prefix))


def _acked(ack: "Ack", table: "Table") -> Acked:
    what = f"range {ack.range} of generation" if ack.range else "generation"
    return Acked(
        generation=ack.generation,
        range=ack.range,
        words=f"{what} {ack.generation} acknowledged by {ack.person} at {ack.at}: {ack.reason}",
        key=ack.key(table.prefix),
    )
