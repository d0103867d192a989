"""A takeover and load that kills itself (SIGKILL) at one of its calls to Postgres or S3.

python killed_takeover.py CONFIG STATE              runs through; prints every call, one a line
python killed_takeover.py CONFIG STATE N MOMENT     dies before or after call N
"""

import os
import signal
import sys

import psycopg2
import psycopg2.extensions
from botocore.client import BaseClient

from bictl import pipeline
from bictl import settings as configured
from bictl.clients import Clients

CALLS: list[str] = []
TARGET = (int(sys.argv[3]), sys.argv[4]) if len(sys.argv) > 3 else None
call = BaseClient._make_api_call


def die(moment: str) -> None:
    if (len(CALLS) - 1, moment) == TARGET:
        print(f"{moment} {CALLS[-1]}", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def dying_call(self, operation, parameters):
    if operation != "PutObject":
        return call(self, operation, parameters)
    CALLS.append(f"put {parameters['Key']}")
    die("before")
    answer = call(self, operation, parameters)
    die("after")
    return answer


class DyingCursor(psycopg2.extensions.cursor):
    """Counts each call, and may be the last thing that the process does."""

    def execute(self, query, parameters=None):
        text = query if isinstance(query, str) else query.as_string(self)
        CALLS.append(" ".join(text.split())[:70])
        die("before")
        try:
            super().execute(query, parameters)
        finally:
            die("after")

    def copy_expert(self, query, file, size=8192):
        CALLS.append(query.as_string(self))
        die("before")
        try:
            super().copy_expert(query, file, size)
        finally:
            die("after")


def main() -> None:
    connect = psycopg2.connect
    psycopg2.connect = lambda **options: connect(**options, cursor_factory=DyingCursor)
    BaseClient._make_api_call = dying_call
    chosen = configured.load(config=sys.argv[1], environment={"BICTL_STATE_DIR": sys.argv[2]})
    with Clients(chosen) as clients:
        work = pipeline.Work(clients=clients, settings=chosen, run="killed")
        pipeline.bring_forward(work, [chosen.table("product")])
    print("\n".join(CALLS))


main()
