"""Peak memory of `bictl ingest`, a whole process, at one and at four times as many records.

python bench/memory.py [--records 60000]
"""

import argparse
import multiprocessing
import sys

from common import machine, run, services, versions
from ingest import publish


def main() -> None:
    """The same events, over and over; each size in a stack of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=60_000)
    chosen = options.parse_args()
    print(machine(), versions("kafka-python", "isal"), sep="; ")
    small, large = peak(chosen.records), peak(4 * chosen.records)
    print(
        f"ingest, {chosen.records} and {4 * chosen.records} records: "
        f"{small / 2**20:.0f} and {large / 2**20:.0f} MiB at most: {large / small - 1:+.0%}"
    )


def peak(records: int) -> int:
    """Peak resident bytes of one ingest of so many wrapped events."""
    with services() as (settings, environment):
        publishing = multiprocessing.get_context("spawn").Process(
            target=publish,
            args=(settings, settings.table("product").topic, "product_schema", records),
        )  # its memory would be counted: a child begins with its parent's peak
        publishing.start()
        publishing.join()
        command = (sys.executable, "-m", "bictl", "-q", "ingest", "--table", "product")
        return run(*command, env=environment)[1]


if __name__ == "__main__":
    main()
