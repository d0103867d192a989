"""A query to its hits: by exact code, by words, by meaning, and under a condition."""

from bictl.search.grammar import Condition, parse
from bictl.search.query import LIMIT, MODES, TIMEOUT, Hit, SearchResult, search

__all__ = ["LIMIT", "MODES", "TIMEOUT", "Condition", "Hit", "SearchResult", "parse", "search"]
