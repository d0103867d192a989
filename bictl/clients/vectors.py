"""Vectors on their way to Postgres: the body of a binary COPY, and the literal of one vector."""

import io
import struct
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bictl.clients.weights import Floats

# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = struct.pack(">h", -1)


def copy_body(numbers: Sequence[int], vectors: "Floats") -> IO[bytes]:
    """`COPY … (bigint, vector) FROM STDIN (FORMAT binary)`: every row is as long as the others,
    so one structured array is the whole body. pgvector sends dimension, a zero, then big-endian
    floats (vector_send in pgvector's src/vector.c)."""
    rows, dimension = vectors.shape
    layout = np.dtype(
        [
            ("fields", ">i2"),
            ("number_bytes", ">i4"),
            ("number", ">i8"),
            ("vector_bytes", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f4", dimension),
        ]
    )
    body = np.empty(rows, layout)
    body["fields"], body["number_bytes"], body["number"] = 2, 8, numbers
    body["vector_bytes"], body["dimension"], body["unused"] = 4 + 4 * dimension, dimension, 0
    body["vector"] = vectors
    return io.BytesIO(b"".join((_HEADER, body.tobytes(), _TRAILER)))


def literal(vector: "Floats") -> str:
    """The text of one vector, exact to the last bit of float32."""
    return f"[{','.join(f'{one:.9g}' for one in vector.tolist())}]"


def distances(vectors: "Floats", stored: Sequence[str]) -> list[float]:
    """How far each vector is from its stored one, given as Postgres writes it; infinitely far from
    one of another length."""
    length = vectors.shape[1]
    parts = [one[1:-1].split(",") for one in stored]
    there = np.array(
        [part if len(part) == length else ["inf"] * length for part in parts], dtype=np.float32
    )
    found: list[float] = np.linalg.norm(vectors - there, axis=1).tolist()
    return found
