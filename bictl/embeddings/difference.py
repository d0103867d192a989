"""What staging and the stored vectors say about each other, read from both."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.embeddings.layout import TEXT_RULE, Layout

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Rows by state, and up to 100 keys of each.

    ok · missing (no vector) · stale (the vector of an older text) · foreign (of another model) ·
    orphan (no such row any more, or its text is gone) · empty (a row without text, so no vector).
    """

    rows: dict[str, int]
    sample: dict[str, list[str]]

    def count(self, *states: str) -> int:
        """How many rows are in these states together."""
        return sum(self.rows.get(state, 0) for state in states)

    @property
    def expected(self) -> int:
        """How many vectors there should be."""
        return self.count("ok", "missing", "stale", "foreign")


def difference(
    database: "Database", *, table: "Table", staging_schema: str, model: str
) -> Difference:
    """Compares every row of staging with its vector; writes nothing."""
    layout = Layout(table, staging_schema)
    found = database.rows(
        database.named("embeddings/difference", **layout.names), {"rule": TEXT_RULE, "model": model}
    )
    return Difference(
        rows={state: count for state, count, _ in found},
        sample={state: keys for state, _, keys in found},
    )
