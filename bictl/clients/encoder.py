"""Texts to vectors: one face, three engines (onnxruntime, sentence-transformers, numpy)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bictl.clients import model_files
from bictl.errors import ConfigError, MissingDependency
from bictl.settings import Embedding

if TYPE_CHECKING:
    from bictl.clients.weights import Floats


class Encoder(Protocol):
    """A model: the same text gives the same vector, whatever the engine."""

    truncated: int  # texts so far that were longer than the model reads

    @property
    def model(self) -> str:
        """The name recorded with each vector: the model's, and the start of its weights' sha256."""
        ...

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> "Floats":
        """float32 [n, dimension], L2-normalised."""
        ...


def open_encoder(embedding: Embedding, *, threads: int | None = None) -> Encoder:
    """The configured model for many texts; ConfigError when the engine does not have it."""
    try:
        if embedding.engine == "sentence-transformers":
            from bictl.clients.torch_encoder import TorchEncoder

            return TorchEncoder(embedding.model)
        _require_packaged(embedding)
        from bictl.clients.onnx_encoder import OnnxEncoder

        return OnnxEncoder(threads=threads)
    except ImportError as error:
        raise _missing(error) from None


def open_query_encoder(embedding: Embedding, *, state_dir: Path | None = None) -> Encoder:
    """The configured model for one query in a fresh process.

    The packaged model runs on numpy alone; another one needs sentence-transformers and its seconds.
    `state_dir` is where the stamps of checked files are kept.
    """
    if not _is_packaged(embedding.model):
        return open_encoder(embedding)
    try:
        from bictl.clients.query_encoder import QueryEncoder
    except ImportError as error:
        raise _missing(error) from None
    return QueryEncoder(stamps=state_dir / "model-files.json" if state_dir else None)


def _is_packaged(model: str) -> bool:
    return model in {model_files.MODEL, model_files.MODEL.split("/")[1]}


def _require_packaged(embedding: Embedding) -> None:
    if not _is_packaged(embedding.model):
        raise ConfigError(
            f"the engine onnx has {model_files.MODEL} only, not {embedding.model!r}",
            hint="use --engine sentence-transformers for other models",
        )


def _missing(error: ImportError) -> MissingDependency:
    return MissingDependency(
        f"the engine cannot be loaded: {error}", hint=f"pip install {error.name or 'bictl'}"
    )
