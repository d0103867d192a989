"""What `make faults` counts: a line of JSON for each thing that was tried, where it wants them."""

import json
import os
from pathlib import Path

FILE = os.environ.get("BICTL_FAULTS_RESULTS")


def write(kind: str, **facts: object) -> None:
    """One line; `kind` is `variation` (its `alarms` are false ones), `composed` (`seen`, `named`)
    or nothing for a fault of the catalogue."""
    if FILE:
        with Path(FILE).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"kind": kind, **facts}) + "\n")
