"""A key as bronze has it beside the same key as staging shows it: parts of the statements that
compare the two. Where the bytes are what is shown, nothing is decoded or joined."""

from typing import TYPE_CHECKING, Any

from bictl.clients.key_parts import SHOWN, described, identity, is_decoded, nothing
from bictl.clients.relations import sized_columns

if TYPE_CHECKING:
    from bictl.clients.database import Database, Part
    from bictl.settings import Table

_HELD = "held ->> (%(key)s::text[])[{number}]"


class ShownKeys:
    """One table's, by the types that its key's columns have in staging."""

    def __init__(self, database: "Database", table: "Table", staging: str) -> None:
        self._database, self._table = database, table
        there = sized_columns(database, staging)
        self._kinds = [there.get(name, "text") for name in table.id]
        self._is_decoded = is_decoded(self._kinds)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the parts ask for."""
        return {"key": list(self._table.key), "kinds": self._kinds}

    @property
    def of_newest(self) -> "dict[str, Part]":
        """`shown` is the key of the fold's `newest`, `described` what has to be joined for it."""
        if not self._is_decoded:
            return {"shown": self._database.quoted("newest.key"), "described": nothing()}
        row = self._database.quoted(
            "join {bronze} b on b.id = newest.record_id", bronze=self._table.bronze
        )
        return {**self.of_row, "described": row + self._database.quoted("\n") + described()}

    @property
    def of_row(self) -> "dict[str, Part]":
        """The same of a row `b` of bronze that the statement has already."""
        if not self._is_decoded:
            return {"shown": self._database.quoted("newest.key"), "described": nothing()}
        return {"shown": identity(SHOWN, self._table.key), "described": described()}

    @property
    def of_event(self) -> "dict[str, Part]":
        """The same of a row `b` whose key, or whose row where it has none, is in `held`."""
        if not self._is_decoded:
            return {"key": identity(_HELD, self._table.key), "described": nothing()}
        return {"key": identity(SHOWN, self._table.key), "described": described()}
