"""The world of the rows: staging against bronze, and vectors against staging."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bictl.clients.relations import columns
from bictl.columns import Column
from bictl.embeddings.layout import TEXT_RULE
from bictl.errors import BictlError, ConfigError, StageFailed
from bictl.verify import read_rows, read_searched
from bictl.verify.carried import Carried
from bictl.verify.decoded import Decoded
from bictl.verify.evidence import once
from bictl.verify.evolution import read_columns
from bictl.verify.latency import Latency, read_latency
from bictl.verify.read_carried import read_carried
from bictl.verify.read_decoded import read_decoded
from bictl.verify.searched import Encoded, Recall, Selves, Use, usable
from bictl.verify.staging import Keys, Shape, Values
from bictl.verify.tested import LastRun, read_tested
from bictl.verify.vectors import Altered, Coverage, Index, Vectors
from bictl.verify.world_of_bronze import BronzeWorld

if TYPE_CHECKING:
    from bictl.model_file import Model


class RowsWorld(BronzeWorld):
    """What people look at and search."""

    @once
    def staged(self) -> tuple[Keys, Shape, Values | None]:
        """verify's own fold against the staging relation, and that one's shape; its cells too where
        they are compared. A cell that cannot be read leaves the keys as they are."""
        where = self.table, self.question.staging
        if self.question.with_cells:
            with suppress(StageFailed):
                model = self.staging_model
                return self._in_snapshot(partial(read_rows.read_staging, model=model), *where)
        return *self._in_snapshot(read_rows.read_staging_keys, *where), None

    @property
    def staging_keys(self) -> Keys:
        """Live keys by the fold, against the keys that staging shows."""
        return self.staged[0]

    @property
    def staging_shape(self) -> Shape:
        """Rows, ids and operations of staging."""
        return self.staged[1]

    @once
    def staging_values(self) -> Values:
        """Cells of staging against the newest records."""
        with suppress(BictlError):
            if (found := self.staged[2]) is not None:
                return found
        read = partial(read_rows.read_staging_values, model=self.staging_model)
        return self._in_snapshot(read, self.table, self.question.staging)

    @once
    def decoded(self) -> Decoded:
        """Numbers, times and bytes of staging, decoded a second time."""
        read = partial(read_decoded, model=self.staging_model)
        return self._in_snapshot(read, self.table, self.question.staging)

    @once
    def carried(self) -> Carried:
        """What the wire could not carry."""
        return self._in_snapshot(read_carried, self.table, self.staging_model)

    @once
    def keeps_nulls(self) -> bool | None:
        """Whether the table's connector writes a NULL as NULL; None where that is not known."""
        return self.question.keeps_nulls()

    @once
    def staging_model(self) -> "Model | None":
        """What the staging model's file says."""
        return self.question.staging_model()

    @once
    def staging_types(self) -> dict[str, str]:
        """The types of the staging relation's columns; nothing where it is not there."""
        return self._in_snapshot(columns, self.question.staging)

    @once
    def source_columns(self) -> tuple[Column, ...] | None:
        """The source's columns as the newest record has them; None where there is no record."""
        return self._in_snapshot(read_columns, self.table)

    @once
    def tested(self) -> LastRun:
        """How dbt last ended for this table."""
        return self._in_snapshot(read_tested, self.table, self.question.dbt_results)

    @once
    def coverage(self) -> Coverage:
        """Keys with a text against keys with a vector."""
        question = self.question
        read = partial(
            read_rows.read_coverage,
            rule=TEXT_RULE,
            now=question.now,
            max_lag=question.max_lag,
        )
        found = self._in_snapshot(read, self.table, question.staging)
        return replace(found, folded=self.staging_keys.folded)

    @once
    def _stored(self) -> tuple[Vectors, Altered]:
        return self._in_snapshot(read_rows.read_vectors, self.table)

    @property
    def vectors(self) -> Vectors:
        """What makes vectors unfindable."""
        return self._stored[0]

    @once
    def altered(self) -> Altered:
        """Vectors that are not the ones that were made for their texts."""
        self._in_snapshot(read_rows.require_hashes, self.table)
        return self._stored[1]

    @once
    def vector_indexes(self) -> tuple[Index, ...]:
        """The HNSW indexes on the vectors."""
        return self._in_snapshot(read_rows.read_indexes, self.table)

    @once
    def vector_extension(self) -> str | None:
        """pgvector's version."""
        return self._in_snapshot(read_searched.read_extension)

    @once
    def index_use(self) -> Use | None:
        """Whether search's own statement walks the index; None where there is none."""
        names = usable(self.vector_indexes)
        schema = self.question.staging.split(".")[0]
        return (
            self._in_snapshot(read_searched.read_use, self.table, schema, names) if names else None
        )

    @once
    def recall(self) -> Recall | None:
        """How much of what is nearest the index finds."""
        if not usable(self.vector_indexes):
            return None
        return self._in_snapshot(read_searched.read_recall, self.table, self.seed)

    @once
    def selves(self) -> Selves | None:
        """Rows that their own vectors do not find."""
        if not usable(self.vector_indexes):
            return None
        return self._in_snapshot(read_searched.read_selves, self.table, self.seed)

    @once
    def encoded(self) -> Encoded:
        """Texts through the model once more."""
        if self.question.encoder is None:
            raise ConfigError("there is no model to encode texts with")
        encoder = self.question.encoder()
        read = partial(
            read_searched.read_texts, rule=TEXT_RULE, model=encoder.model, seed=self.seed
        )
        texts = self._in_snapshot(read, self.table, self.question.staging)
        return read_searched.encode_again(encoder, texts, seed=self.seed)

    @once
    def latency(self) -> Latency:
        """How long the last day's records took."""
        if not self.bronze.exists:
            return Latency(since=self.question.now, hops=())
        read = partial(read_latency, now=self.question.now)
        return self._in_snapshot(read, self.table, self.question.staging)
