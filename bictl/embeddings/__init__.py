"""Rows to vectors: only what changed since the vector was made.

Every window of texts is one transaction, so a killed run loses a window at most and the next one
does the rest. Nothing remembers a position: what is to be done is the difference between staging
and the stored hashes, each time anew.
"""

from bictl.embeddings.difference import Difference, difference
from bictl.embeddings.layout import Layout
from bictl.embeddings.stage import EmbedResult, embed

__all__ = ["Difference", "EmbedResult", "Layout", "difference", "embed"]
