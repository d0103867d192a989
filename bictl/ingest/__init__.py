"""Kafka → objects: sealed batches, each with its range manifest; the objects are the truth."""

from bictl.ingest.acks import (
    Ack,
    acked_ranges,
    find_acks,
    generation_ack,
    list_acks,
    quarantine_ack,
    range_ack,
    write_ack,
)
from bictl.ingest.anchor import last_sealed, still_there
from bictl.ingest.frontier import Generation, chain, frontier, generations, newest, partitions
from bictl.ingest.frontier_object import Anchor, FrontierObject, Kept, frontier_prefix, read_kept
from bictl.ingest.report import IngestResult, PartitionResult
from bictl.ingest.stage import ingest, survey
from bictl.records import ack_prefix

__all__ = [
    "Ack",
    "Anchor",
    "FrontierObject",
    "Generation",
    "IngestResult",
    "Kept",
    "PartitionResult",
    "ack_prefix",
    "acked_ranges",
    "chain",
    "find_acks",
    "frontier",
    "frontier_prefix",
    "generation_ack",
    "generations",
    "ingest",
    "last_sealed",
    "list_acks",
    "newest",
    "partitions",
    "quarantine_ack",
    "range_ack",
    "read_kept",
    "still_there",
    "survey",
    "write_ack",
]
