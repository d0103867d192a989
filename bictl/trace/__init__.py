"""One record in every layer: where it is, since when, and where it was lost.

Kafka is read first, the objects after it and Postgres last in one snapshot, so that a record on its
way is never called lost. A layer that does not answer is unknown, and the others are still shown.
"""

from bictl.trace.report import Layer, Place, State, Trace
from bictl.trace.run import trace

__all__ = ["Layer", "Place", "State", "Trace", "trace"]
