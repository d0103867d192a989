"""all-MiniLM-L6-v2 in numpy, for one query in a fresh process: no onnxruntime, no torch.

Importing onnxruntime and building its session takes longer than a whole search; numpy over mapped
weights answers in about 10 ms. Equal to the other engines within 1e-5 (test_encoders.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bictl.clients import model_files
from bictl.clients.weights import Weights
from bictl.clients.wordpiece import WordPiece

if TYPE_CHECKING:
    from bictl.clients.weights import Floats

_LAYERS, _HEADS, _EPSILON = 6, 12, np.float32(1e-12)


class QueryEncoder:
    """An Encoder that is ready at once and slow in bulk: texts are encoded one by one."""

    model = model_files.MODEL_ID
    dimension = model_files.DIMENSION

    def __init__(self, *, stamps: Path | None = None) -> None:
        root = model_files.verified(model_files.WEIGHTS, model_files.VOCABULARY, stamps=stamps)
        self._weights = Weights(root / model_files.WEIGHTS)
        self._words = WordPiece(root / model_files.VOCABULARY)
        self.truncated = 0

    def encode(self, texts: Sequence[str]) -> "Floats":
        """float32 [n, 384], L2-normalised."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            ids, cut = self._words.encode(text, model_files.MAX_TOKENS)
            self.truncated += cut
            vectors[row] = self._forward(ids)
        return vectors

    def _forward(self, ids: list[int]) -> "Floats":
        hidden = self._embed(ids)
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}.")
        pooled: Floats = hidden.sum(axis=0)  # the mean's divisor falls away in the norm
        return pooled / np.linalg.norm(pooled)

    def _embed(self, ids: list[int]) -> "Floats":
        at = "embeddings."
        summed = (
            self._weights[f"{at}word_embeddings.weight"][ids]
            + self._weights[f"{at}position_embeddings.weight"][: len(ids)]
            + self._weights[f"{at}token_type_embeddings.weight"][0]
        )
        return self._normalise(summed, f"{at}LayerNorm")

    def _layer(self, hidden: "Floats", at: str) -> "Floats":
        attended = self._linear(
            self._attend(hidden, f"{at}attention.self."), f"{at}attention.output.dense"
        )
        hidden = self._normalise(hidden + attended, f"{at}attention.output.LayerNorm")
        inner = _gelu(self._linear(hidden, f"{at}intermediate.dense"))
        return self._normalise(
            hidden + self._linear(inner, f"{at}output.dense"), f"{at}output.LayerNorm"
        )

    def _attend(self, hidden: "Floats", at: str) -> "Floats":
        query, key, value = (
            self._linear(hidden, at + part).reshape(len(hidden), _HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: Floats = (scores @ value).transpose(1, 0, 2).reshape(len(hidden), -1)
        return attended

    def _linear(self, hidden: "Floats", name: str) -> "Floats":
        product: Floats = hidden @ self._weights[f"{name}.weight"].T
        return product + self._weights[f"{name}.bias"]

    def _normalise(self, hidden: "Floats", name: str) -> "Floats":
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + _EPSILON)
        normed: Floats = centred / scale * self._weights[f"{name}.weight"]
        return normed + self._weights[f"{name}.bias"]


def _gelu(hidden: "Floats") -> "Floats":
    """x·Φ(x); erf by Abramowitz and Stegun 7.1.26, off by 1.5e-7 at most."""
    scaled = np.abs(hidden) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    series = np.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(factor)
    erf: Floats = np.copysign(1 - series * t * np.exp(-scaled * scaled), hidden)
    return hidden * np.float32(0.5) * (1 + erf)
