"""An ingest that kills itself (SIGKILL) at one of its own PUTs.

    python killed_ingest.py CONFIG              runs through; prints the key of every PUT
    python killed_ingest.py CONFIG N MOMENT     dies before, inside or after PUT N

`inside` is when half of the object's bytes are on the wire; `after` is when S3 has answered and
nobody has heard it yet.
"""

import http.client
import os
import signal
import socket
import sys

from botocore.client import BaseClient

from bictl import settings as configured
from bictl.clients import Clients
from bictl.ingest import ingest
from bictl.settings import Ingest

PUTS: list[str] = []
TARGET = (int(sys.argv[2]), sys.argv[3]) if len(sys.argv) > 2 else None
call, send = BaseClient._make_api_call, http.client.HTTPConnection.send


def die(moment: str) -> None:
    print(f"died {moment} {PUTS[-1]}", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def dying_call(self, operation, parameters):
    if operation != "PutObject":
        return call(self, operation, parameters)
    PUTS.append(parameters["Key"])
    print(f"put {PUTS[-1]}", flush=True)
    if (len(PUTS) - 1, "before") == TARGET:
        die("before")
    answer = call(self, operation, parameters)
    if (len(PUTS) - 1, "after") == TARGET:
        die("after")
    return answer


def dying_send(self, data):
    """Half of the body, so that the server has begun to read it, and then the end."""
    if PUTS and (len(PUTS) - 1, "inside") == TARGET and b"PUT /" not in bytes(data)[:5]:
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send(self, bytes(data)[: len(data) // 2])
        die("inside")
    send(self, data)


BaseClient._make_api_call = dying_call
http.client.HTTPConnection.send = dying_send

settings = configured.load(config=sys.argv[1], environment={})
with Clients(settings) as clients:
    ingest(
        clients.reader,
        clients.objects,
        table=settings.table("product"),
        limits=Ingest(batch_records=60),
        run="killed",
    )
