"""`bictl doctor` as a whole process, and what its areas take by themselves.

python bench/doctor.py [--rounds 9]

The race of eight conditional PUTs is shown by itself: SeaweedFS lets those who lose wait for its
lock, which it looks at once a second, so that a race takes some milliseconds or whole seconds.
"""

import argparse
import resource
import statistics
import sys

from common import machine, run, seconds, services, versions
from history import publish

from bictl.bronze import migrate
from bictl.clients import Clients
from bictl.doctor import _AREAS, storage
from bictl.doctor.probe import answers


def main() -> None:
    """Whole processes first; then each area on clients of its own, one after the other."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=9)
    rounds = options.parse_args().rounds
    print(machine(), versions("boto3", "kafka-python", "psycopg2-binary"), sep="; ")
    with services() as (settings, environment):
        publish(settings, settings.table("product").topic, 1000)
        with Clients(settings) as clients:
            migrate(clients.database, settings.tables.values())
            clients.objects.check()
            races = [
                seconds(lambda one=number: storage.race(clients.objects, f"_bictl/race/{one}"))
                for number in range(rounds)
            ]
        used = -processor()
        whole = [
            run(sys.executable, "-m", "bictl", "doctor", env=environment)[0] for _ in range(rounds)
        ]
        used += processor()
        print(spread("bictl doctor", whole), f"{1000 * used / rounds:.0f} ms of processor time")
        print(spread("the race alone", races))
        for area, probes in _AREAS.items():
            print(spread(area, [alone(settings, area, probes) for _ in range(rounds)]))


def alone(settings: object, area: str, probes: object) -> float:
    """An area on connections of its own, without the race."""
    real, storage.race = (
        storage.race,
        lambda store, key: (
            [0] * store.put_new(key, storage._body(0), metadata={"bictl-probe": "0"})
        ),
    )
    try:
        with Clients(settings) as clients:
            return seconds(lambda: list(answers(area, probes(clients))))
    finally:
        storage.race = real


def processor() -> float:
    """Seconds that ended children have computed."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def spread(name: str, found: list[float]) -> str:
    """`name: 12 ms (9 to 30)`."""
    low, middle, high = (1000 * one for one in (min(found), statistics.median(found), max(found)))
    return f"{name}: {middle:.0f} ms ({low:.0f} to {high:.0f})"


if __name__ == "__main__":
    main()
