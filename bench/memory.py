"""Peak memory and seconds of every command, each a whole process, at two sizes.

python bench/memory.py [--records 61443 250000 | --million]

A snapshot of 61,443 products; what is more is their history. The vectors of a few rows come from
the packaged model; so that verify has them all, the others are made up.
"""

import argparse
import sys

from common import add_sizes, machine, run, services, versions
from history import publish
from made_vectors import embed_all

EMBED = 500  # rows that the model really reads
FAR = "0:999999999999"
STAGES = {
    "ingest": ("ingest",),
    "load-bronze": ("load-bronze",),
    "transform": ("transform",),
    f"embed --limit {EMBED}": ("embed", "--limit", str(EMBED)),
    "embed, nothing to do": ("embed",),
    "search": ("search", "copper pipe"),
    "verify": ("verify",),
    "verify --quick": ("verify", "--quick"),
    "verify --deep": ("verify", "--deep"),
    "prune": ("prune", "--below", FAR, "--yes"),
    "verify, pruned": ("verify",),
    "load-bronze --replay": ("load-bronze", "--replay"),
}
Measured = tuple[float, int]  # seconds, bytes


def main() -> None:
    """Each size in a stack of its own; the two peaks of a stage and how much larger the second."""
    options = argparse.ArgumentParser(description=__doc__)
    add_sizes(options)
    chosen = options.parse_args()
    print(machine(), versions("kafka-python", "isal", "psycopg2-binary", "dbt-core"), sep="; ")
    found = {records: measure(records) for records in chosen.records}
    small = found[chosen.records[0]]
    print(f"{'':24}" + "".join(f"{records:>22,} records" for records in found) + "  memory")
    for stage, (_, least) in small.items():
        cells = [f"{at[stage][1] / 2**20:9.0f} MiB {at[stage][0]:12.2f} s" for at in found.values()]
        last = list(found.values())[-1][stage][1]
        print(
            f"{stage:24}" + "".join(f"{cell:>30}" for cell in cells), f"  {last / least - 1:+.0%}"
        )


def measure(records: int) -> dict[str, Measured]:
    """Every stage, one after the other, on one pipeline."""
    found = {}
    with services() as (settings, environment):
        topic = settings.table("product").topic
        publish(settings, topic, records)
        for stage, words in STAGES.items():
            command = (sys.executable, "-m", "bictl", "-q", words[0], "--table", "product")
            found[stage] = run(*command, *words[1:], env=environment)
            print(f"  {records:,}: {stage}: {found[stage][0]:.2f} s", file=sys.stderr, flush=True)
            if words[:2] == ("embed", "--limit"):
                embed_the_rest(settings)
    return found


def embed_the_rest(settings: "Settings") -> None:  # noqa: F821
    """Vectors for all other rows, in a process of its own."""
    import multiprocessing

    process = multiprocessing.get_context("spawn").Process(target=_made_up, args=(settings,))
    process.start()
    process.join()
    assert process.exitcode == 0


def _made_up(settings: "Settings") -> None:  # noqa: F821
    from bictl.clients import Clients

    with Clients(settings) as clients:
        embed_all(settings, clients)


if __name__ == "__main__":
    main()
