"""HTTP answers whose headers broke off: the standard library takes the end of the connection for
the end of the headers, so that half an answer looks like a whole one without a body."""

import http.client
from typing import IO, Any

_BLANK = (b"\r\n", b"\n")


class WholeHeaders(http.client.HTTPResponse):
    """An answer that raises IncompleteRead where its headers do not end with a blank line."""

    def begin(self) -> None:
        """Reads status and headers."""
        file = self.fp
        lines = _Lines(file)
        self.fp = lines  # type: ignore[assignment]
        super().begin()
        self.fp = file
        if lines.last not in _BLANK:
            self.close()
            raise http.client.IncompleteRead(lines.last)


class _Lines:
    """A file that remembers the line it gave last."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.last = file, b""

    def readline(self, limit: int = -1) -> bytes:
        """The next line."""
        self.last = self._file.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
