"""Vectors for many texts in seconds: the packaged model's for some, their neighbours for the rest.

embed writes them as it writes every vector, with their hashes and the model's name.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.settings import Settings

_TRUE = """
update analytics_features.product_embeddings e
set embedding = made.embedding,
    vector_hash = sha256(content_hash || vector_send(made.embedding))
from (select %s as key, %s::vector as embedding) as made
where e.product_id::text = made.key
"""


class Noisy:
    """The packaged model for the first `true` texts, what lies between those for the others."""

    truncated = 0

    def __init__(self, clients: "Clients", *, true: int = 2000) -> None:
        self._real, self._true = clients.encoder(), true
        self.model, self.dimension = self._real.model, self._real.dimension
        self._known = np.empty((0, self.dimension), np.float32)
        self._chance = np.random.default_rng(7)

    def encode(self, texts: list[str]) -> np.ndarray:
        """float32 [n, dimension], L2-normalised."""
        made = np.empty((0, self.dimension), np.float32)
        if (wanted := texts[: max(0, self._true - len(self._known))]) != []:
            made = self._real.encode(wanted)
            self._known = np.concatenate([self._known, made])
        left = len(texts) - len(made)
        near = self._known[self._chance.integers(len(self._known), size=(left, 3))]
        mixed = np.einsum("nk,nkd->nd", self._chance.dirichlet([1, 1, 1], size=left), near)
        mixed += self._chance.standard_normal(mixed.shape, np.float32) * 0.005
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        return np.concatenate([made, mixed.astype(np.float32)])


def embed_all(settings: "Settings", clients: "Clients") -> None:
    """Every product gets a vector, and that with the sample of today its text's own one."""
    from bictl.embeddings import embed

    encoder = Noisy(clients, true=500)
    schema = settings.dbt.view_schema
    embed(clients.database, lambda: encoder, table=settings.table("product"), staging_schema=schema)
    make_true(settings, clients)


def make_true(settings: "Settings", clients: "Clients") -> None:
    """The packaged model's vectors for the sample that a deep look of this day encodes again."""
    from bictl.embeddings.layout import TEXT_RULE
    from bictl.verify.read_searched import read_texts

    table, encoder = settings.table("product"), clients.encoder()
    sample = read_texts(
        clients.database,
        table,
        f"{settings.dbt.view_schema}.{table.staging}",
        rule=TEXT_RULE,
        model=encoder.model,
        seed=f"{datetime.now(UTC):%Y-%m-%d}",
    )
    vectors = encoder.encode([text for _, text, _ in sample])
    with clients.database.transaction():
        for (key, _, _), vector in zip(sample, vectors, strict=True):
            clients.database.execute(_TRUE, [key, str(vector.tolist())])
