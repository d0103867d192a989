"""Inline schemas, interned: a row keeps an id instead of 5 kB that are the same in every record."""

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from bictl import assets
from bictl.errors import BictlError

if TYPE_CHECKING:
    from bictl.clients.database import Database


class SchemaIds:
    """The ids of the schemas that this run has met.

    Each is interned by a short transaction of its own: inside the batch's it would hold up every
    other loader that meets the same schema.
    """

    def __init__(self, database: "Database") -> None:
        self.database = database
        self._ids: dict[bytes, int] = {}
        self._refused: dict[bytes, BictlError] = {}

    def of(self, schemas: Sequence[bytes]) -> list[int]:
        """The ids, in the order of `schemas`; raises Postgres's refusal of the first bad one."""
        for schema in schemas:
            if schema not in self._ids and schema not in self._refused:
                self._learn(schema)
        for schema in schemas:
            if schema in self._refused:
                raise self._refused[schema]
        return [self._ids[schema] for schema in schemas]

    def _learn(self, schema: bytes) -> None:
        try:
            self._ids[schema] = self._intern(schema)
        except BictlError as error:
            if self.database.refusal(error) is None:
                raise
            self._refused[schema] = error

    def _intern(self, schema: bytes) -> int:
        digest = hashlib.sha256(schema).digest()
        known = "select id from bronze.cdc_schema where sha256 = %s"
        found = self.database.value(known, [digest])
        if found is None:
            values = {"sha256": digest, "schema": schema.decode()}
            inside = self.database.in_transaction  # which a refusal is not to spoil
            with self.database.transaction() if inside else nullcontext():
                self.database.execute(assets.sql("bronze/intern_schema"), values)
            found = self.database.value(known, [digest])
        return int(found)
