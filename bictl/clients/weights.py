"""The tensors of a safetensors file, mapped and not read: pages come in when they are used.

Format: 8 bytes little-endian length, a JSON header, the tensors' bytes
(https://huggingface.co/docs/safetensors).
"""

import json
import mmap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


class Weights:
    """Tensors by name, read-only; the file must have been checked before."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length = int.from_bytes(self._bytes[:8], "little")
        self._header = json.loads(self._bytes[8 : 8 + length])
        self._start = 8 + length

    def __getitem__(self, name: str) -> "Floats":
        entry = self._header[name]
        first, last = entry["data_offsets"]
        tensor: Floats = np.frombuffer(
            self._bytes, dtype="<f4", count=(last - first) // 4, offset=self._start + first
        ).reshape(entry["shape"])
        return tensor
