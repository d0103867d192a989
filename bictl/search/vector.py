"""The query's vector, made in a thread while the database is asked what there is."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from bictl.errors import StageFailed

if TYPE_CHECKING:
    from bictl.clients.encoder import Encoder
    from bictl.settings import Table


class Awakening:
    """An encoder that is being opened: numpy and the weights take as long as the connection."""

    def __init__(self, open_encoder: "Callable[[], Encoder]", text: str) -> None:
        self._open, self._text = open_encoder, text
        self._literal, self._model = "", ""
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._encode, daemon=True)
        self._thread.start()

    def vector(self, *, made_by: str, table: "Table") -> str:
        """The vector as Postgres reads it.

        Raises whatever stopped the encoder, and StageFailed when it is not the model `made_by`.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._model != made_by:
            raise StageFailed(
                f"{table.embeddings} holds vectors of {made_by}, the query's model is "
                f"{self._model}: they cannot be compared",
                hint=f"bictl embed --table {table.name}, or correct embedding.model",
            )
        return self._literal

    def _encode(self) -> None:
        try:
            from bictl.clients.vectors import literal

            encoder = self._open()
            self._model = encoder.model
            self._literal = literal(encoder.encode([self._text])[0])
        except BaseException as error:  # handed to the thread that asked
            self._error = error
