"""A load that kills itself (SIGKILL) at one of its own calls to Postgres.

    python killed_load.py CONFIG              runs through; prints every call, one a line
    python killed_load.py CONFIG N MOMENT     dies before, inside or after call N

`inside` is inside a COPY, when some of its bytes have been sent.
"""

import os
import signal
import sys

import psycopg2
import psycopg2.extensions

from bictl import settings as configured
from bictl.bronze import load
from bictl.clients import Clients

CALLS: list[str] = []
TARGET = (int(sys.argv[2]), sys.argv[3]) if len(sys.argv) > 2 else None


def die(moment: str) -> None:
    if (len(CALLS) - 1, moment) == TARGET:
        print(f"{moment} {CALLS[-1]}", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


class DyingFile:
    """Gives the first bytes of a COPY, then dies."""

    def __init__(self, source) -> None:
        self.source, self.sent = source, 0

    def read(self, size: int) -> bytes:
        if self.sent:
            die("inside")
        piece = self.source.read(min(size, 4096))
        self.sent += len(piece)
        return piece

    readline = read


class DyingCursor(psycopg2.extensions.cursor):
    """Counts each call, and may be the last thing that the process does."""

    def execute(self, query, parameters=None):
        text = query if isinstance(query, str) else query.as_string(self)
        CALLS.append(" ".join(text.split())[:70])
        die("before")
        try:
            super().execute(query, parameters)
        finally:  # also after one that Postgres refuses
            die("after")

    def copy_expert(self, query, file, size=8192):
        CALLS.append(query.as_string(self))
        die("before")
        try:
            super().copy_expert(query, DyingFile(file), size)
        finally:
            die("after")


def main() -> None:
    connect = psycopg2.connect
    psycopg2.connect = lambda **options: connect(**options, cursor_factory=DyingCursor)
    chosen = configured.load(config=sys.argv[1])
    with Clients(chosen) as clients:
        load(clients.objects, clients.database, table=chosen.table("product"), run="killed")
    print("\n".join(CALLS))


main()
