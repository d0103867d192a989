"""One run of ingest in a process of its own, without a lock; it waits for a line before it starts.

python one_ingest.py CONFIG BATCH_RECORDS
"""

import sys
from pathlib import Path

from bictl import settings as configured
from bictl.clients import Clients
from bictl.ingest import ingest
from bictl.settings import Ingest

settings = configured.load(config=sys.argv[1], environment={})
with Clients(settings) as clients:
    clients.reader.topics()
    clients.objects.check()
    print("ready", flush=True)
    sys.stdin.readline()
    result = ingest(
        clients.reader,
        clients.objects,
        table=settings.table("product"),
        limits=Ingest(batch_records=int(sys.argv[2])),
        run=f"cut-{sys.argv[2]}",
    )
    status = Path("/proc/self/status").read_text()  # ru_maxrss counts the parent's memory too
    peak = int(status.partition("VmHWM:")[2].split()[0])
    print("records", result.records, "KiB", peak)
