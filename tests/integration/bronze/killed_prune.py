"""A prune that kills itself (SIGKILL) at one of its own calls to Postgres.

    python killed_prune.py CONFIG VERIFIED              runs through; prints every call, one a line
    python killed_prune.py CONFIG VERIFIED N MOMENT     dies before or after call N

VERIFIED is the offset below which everything is verified.
"""

import os
import signal
import sys
import uuid
from datetime import UTC, datetime

import psycopg2
import psycopg2.extensions

from bictl import settings as configured
from bictl.bronze import Verified, Wish, prune
from bictl.clients import Clients

CALLS: list[str] = []
TARGET = (int(sys.argv[3]), sys.argv[4]) if len(sys.argv) > 3 else None


def die(moment: str) -> None:
    if (len(CALLS) - 1, moment) == TARGET:
        print(f"{moment} {CALLS[-1]}", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


class DyingCursor(psycopg2.extensions.cursor):
    """Counts each call, and may be the last thing that the process does."""

    def execute(self, query, parameters=None):
        text = query if isinstance(query, str) else query.as_string(self)
        CALLS.append(" ".join(text.split())[:70])
        die("before")
        super().execute(query, parameters)
        die("after")


def main() -> None:
    connect = psycopg2.connect
    psycopg2.connect = lambda **options: connect(**options, cursor_factory=DyingCursor)
    chosen = configured.load(config=sys.argv[1])
    end = int(sys.argv[2])
    with Clients(chosen) as clients:
        prune(
            clients.database,
            table=chosen.table("product"),
            wish=Wish(below={0: end}),
            verified=Verified(
                run=str(uuid.uuid4()), at=datetime.now(UTC), frontiers={("g1", 0): end}
            ),
            run="killed",
            window=30,
        )
    print("\n".join(CALLS))


main()
