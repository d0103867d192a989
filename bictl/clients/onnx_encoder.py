"""The packaged model on onnxruntime, for many texts on a CPU.

Measured on two cores: one session of one thread shared by as many Python threads as there are cores
beats a session with its own threads; batches of about 512 tokens stay in the cache; texts sorted by
length need no padding; spinning only takes time from the other thread.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bictl.clients import model_files
from bictl.clients.weights import Weights
from bictl.errors import StageFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bictl.clients.weights import Floats

    Ids = NDArray[np.int32]

_BATCH_TOKENS = 512


class OnnxEncoder:
    """An Encoder in fp32; files are checked and the session is made when the first text comes."""

    model = model_files.MODEL_ID
    dimension = model_files.DIMENSION

    def __init__(self, *, threads: int | None = None) -> None:
        self._threads = threads or len(os.sched_getaffinity(0))
        self.truncated = 0

    def encode(self, texts: Sequence[str]) -> "Floats":
        """float32 [n, 384], L2-normalised; give it some thousand texts at once."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        ids = self._tokenise(texts)

        def run(batch: list[int]) -> None:
            vectors[batch] = self._run([ids[row] for row in batch])

        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(run, _batches([len(row) for row in ids])):
                pass
        return vectors

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch_fast(list(texts))
        self.truncated += sum(bool(one.overflowing) for one in encoded)
        return [one.ids for one in encoded]

    def _run(self, rows: list[list[int]]) -> "Floats":
        ids, mask = _padded(rows)
        inputs = {"ids": ids, "segments": np.zeros_like(ids), "mask": mask}
        try:
            found: Floats = self._session.run(None, inputs)[0]
        except Exception as error:  # onnxruntime has a class an error code, all from Exception
            raise StageFailed(f"onnxruntime could not embed: {error}") from error
        return found

    @cached_property
    def _folder(self) -> Any:
        return model_files.verified(model_files.WEIGHTS, model_files.TOKENIZER)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / model_files.TOKENIZER))
        tokenizer.no_padding()
        tokenizer.enable_truncation(model_files.MAX_TOKENS)
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # 1.32 reports to its makers from its import on
        import onnxruntime

        from bictl.clients.onnx_graph import Graph

        graph = Graph(Weights(self._folder / model_files.WEIGHTS), dimension=self.dimension)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._weights = graph.weights  # the session may refer to these arrays as long as it lives
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(one) for one in graph.weights.values()]
        options.add_external_initializers(list(graph.weights), values)
        return onnxruntime.InferenceSession(
            graph.model, options, providers=["CPUExecutionProvider"]
        )


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of about the same length, longest first, some 512 tokens together."""
    rows = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(rows):
        size = max(1, _BATCH_TOKENS // lengths[rows[start]])
        yield rows[start : start + size]
        start += size


def _padded(rows: list[list[int]]) -> "tuple[Ids, Ids]":
    ids = np.zeros((len(rows), len(rows[0])), np.int32)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return ids, mask
