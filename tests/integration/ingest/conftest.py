"""The fixtures of the tests of ingest."""

from ingested import delete_topic, keys, lines, run, table

__all__ = ["delete_topic", "keys", "lines", "run", "table"]
