"""Any local sentence-transformers model, on a GPU where torch finds one.

Nothing is fetched and nothing of the model's folder is executed: files that are there already,
safetensors only, no code of the model's own.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bictl.clients import model_files
from bictl.errors import ConfigError, MissingDependency, StageFailed

if TYPE_CHECKING:
    from bictl.clients.weights import Floats

_PICKLES = {".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt"}
_BATCH = 16  # on two cores; larger ones leave the cache


class TorchEncoder:
    """An Encoder over SentenceTransformer; `model` is a name in the local cache or a folder."""

    def __init__(self, model: str) -> None:
        packaged = model in {model_files.MODEL, model_files.MODEL.split("/")[1]}
        self._folder = (
            model_files.verified(*model_files.PINNED) if packaged else _local_folder(model)
        )
        self.model = model_files.MODEL_ID if packaged else f"{model}@{_digest(self._folder)[:12]}"
        self.truncated = 0

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self._loaded.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> "Floats":
        """float32 [n, dimension], L2-normalised."""
        self.truncated += self._count_truncated(texts)
        vectors = self._loaded.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimension)

    def _count_truncated(self, texts: Sequence[str]) -> int:
        limit = self._loaded.max_seq_length or 512
        ids = self._loaded.tokenizer(list(texts), verbose=False)["input_ids"] if texts else []
        return sum(len(row) > limit for row in ids)

    @cached_property
    def _loaded(self) -> Any:
        _stay_offline()
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils.logging import disable_progress_bar
        except ImportError as error:
            raise MissingDependency(
                f"the engine sentence-transformers cannot be loaded: {error}",
                hint="pip install sentence-transformers, or use --engine onnx",
            ) from None
        disable_progress_bar()
        try:
            return SentenceTransformer(
                str(self._folder),
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except Exception as error:  # whatever torch, transformers and the files come up with
            raise StageFailed(
                f"sentence-transformers cannot load {self._folder}: {str(error).splitlines()[0]}"
            ) from error


def _stay_offline() -> None:
    """Before the first import: huggingface_hub reads it once."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


def _local_folder(model: str) -> Path:
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _cached_folder(model)
    for file in folder.rglob("*"):
        if file.suffix in _PICKLES and not any(file.parent.glob("*.safetensors")):
            raise StageFailed(
                f"{file} is a pickle, which may run code when it is loaded",
                hint="use a model whose weights are safetensors files",
            )
    return folder


def _cached_folder(model: str) -> Path:
    _stay_offline()
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingDependency(
            f"the model {model} is no folder, and huggingface_hub is not installed",
            hint="pip install sentence-transformers, or give the model's folder",
        ) from None
    try:
        return Path(snapshot_download(model, local_files_only=True))
    except Exception as error:  # a bad name, an absent or a half cached model
        raise ConfigError(
            f"embedding.model {model!r} is neither a folder nor in the local cache "
            f"({type(error).__name__})",
            hint=f"use {model_files.MODEL}, or put the model there first: bictl downloads none",
        ) from None


def _digest(folder: Path) -> str:
    """One sha256 over all weights, so that other weights under the same name are another model."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        with file.open("rb") as opened:
            whole.update(hashlib.file_digest(opened, "sha256").digest())
    return whole.hexdigest()
