"""verify on a whole pipeline, level by level, beside counting each layer: whole commands in turn.

python bench/verify.py [--records 61443,1000000] [--levels quick,default,deep] [--rounds 5,3]
    [--batch N] [--in DIR] [--against DIR]

What is more than 61,443 records is the history of as many products. Each verdict has to be
complete, a quick look ok: else there is no figure. A full verdict stands in the ledger before the
first round, so a quick look has one to stand on. The vectors are made up, all but those that a deep
look encodes again. --batch is how many records a batch holds at most: a cron that runs each
minute leaves many small ones. --in keeps the pipelines there, and finds them; --against is another
checkout of bictl, whose command runs behind ours on the same pipeline.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from common import machine, seconds, services, versions
from history import publish
from made_vectors import embed_all, make_true
from processor_time import Taken, take

from bictl.clients import Clients
from bictl.settings import Settings

RUN = "00000000-0000-0000-0000-000000000000"
# Made-up vectors lie otherwise than those of texts. To some of 140,000 no link of the index leads:
# to 0 to 2 of 100, also where it is made anew; of 999 among 61,443 texts' vectors none was so.
APPROXIMATE = ("E7", "E9")
FLAGS = {"quick": ("--quick",), "default": (), "deep": ("--deep",)}
NAIVE = str(Path(__file__).with_name("naive_verify.py"))
COUNTING = "counting"


def main() -> None:
    """One table a size."""
    chosen = _options()
    print(machine(), versions("psycopg2-binary", "isal", "kafka-python"), sep="; ")
    for size, rounds in zip(chosen.records, _for_each(chosen.rounds, chosen.records), strict=True):
        kept = f"{chosen.kept}/{size}" if chosen.kept else ""
        with services(kept) as (settings, environment):
            fill_aside(settings, size, chosen.batch or settings.ingest.batch_records)
            found = measure(settings, environment, chosen.levels, rounds, chosen.against)
            print(table(found))


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--records", type=_numbers, default=[61_443])
    options.add_argument("--rounds", type=_numbers, default=[5], help="of each size")
    options.add_argument("--levels", type=lambda text: text.split(","), default=list(FLAGS))
    options.add_argument("--batch", type=int, metavar="N", default=0)
    options.add_argument("--in", dest="kept", metavar="DIR", default="")
    options.add_argument("--against", metavar="DIR", default="")
    return options.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _for_each(rounds: list[int], sizes: list[int]) -> list[int]:
    """As many as there are sizes; the last one goes on."""
    return (rounds + rounds[-1:] * len(sizes))[: len(sizes)]


def fill_aside(settings: Settings, records: int, batch: int) -> None:
    """Fills in a process of its own: a child's peak memory begins with its parent's."""
    settings = replace(settings, ingest=replace(settings.ingest, batch_records=batch))
    process = multiprocessing.get_context("spawn").Process(target=_fill, args=(settings, records))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"filling ended with {process.exitcode}")


def _fill(settings: Settings, records: int) -> None:
    with Clients(settings) as clients:
        print(f"{records:,} records: {fill(settings, clients, records)}", flush=True)


def fill(settings: Settings, clients: Clients, records: int) -> str:
    """A pipeline of so many records, with everything in its place; how long each stage took."""
    from bictl import pipeline

    work = pipeline.Work(clients=clients, settings=settings, run=RUN)
    product = settings.table("product")
    if clients.database.value("select to_regclass(%s)", [product.embeddings]) is not None:
        make_true(settings, clients)
        return "as they were kept"
    steps: dict[str, Callable[[], object]] = {
        "publish": lambda: publish(settings, product.topic, records),
        "ingest": lambda: pipeline.ingest(work, product),
        "load-bronze": lambda: pipeline.load_bronze(work, product),
        "transform": lambda: pipeline.transform(work, [product]),
        "vectors": lambda: embed_all(settings, clients),
        "analyze": lambda: clients.database.autocommit("vacuum analyze"),
    }
    return ", ".join(f"{name} {seconds(step):.0f} s" for name, step in steps.items())


def measure(
    settings: Settings,
    environment: dict[str, str],
    levels: list[str],
    rounds: int,
    against: str,
) -> dict[str, list[Taken]]:
    """Every level and the counting in turn, `rounds` times."""
    look(environment, "default")  # a full verdict
    found: dict[str, list[Taken]] = {}
    for _ in range(rounds):
        for level in levels:
            found.setdefault(level, []).append(look(environment, level))
            if against:
                other = look(environment, level, checkout=against)
                found.setdefault(f"{level}, the other", []).append(other)
        found.setdefault(COUNTING, []).append(count(settings, environment))
    return found


def look(environment: dict[str, str], level: str, *, checkout: str = "") -> Taken:
    """One whole `bictl verify`; its verdict must be what a figure is worth something for."""
    taken = take(
        [sys.executable, "-m", "bictl", "-q", "verify", "--table=product", "--json", *FLAGS[level]],
        env=environment,
        state_dir=environment["BICTL_STATE_DIR"],
        codes=(0, 1, 3, 6),
        within=checkout or None,  # where `-m` looks first
    )
    verdict = json.loads(taken.output)
    wrong = [
        f"{one['id']}: {one['message']}"
        for one in verdict["checks"]
        if one["state"] not in ("ok", "warn")
    ]
    lost = [one for one in wrong if one.startswith(APPROXIMATE)]
    wrong = [one for one in wrong if one not in lost]
    if wrong or not (level == "quick" or verdict["complete"] or lost):
        sys.exit(f"no figure: verify {level} says {verdict['headline']} {wrong}")
    slow = sorted(verdict["checks"], key=lambda check: -check["seconds"])[:6]
    print(
        f"  {time.strftime('%H:%M:%S')} {level} {taken.seconds:.2f} s:",
        ", ".join(f"{check['id']} {check['seconds']:.2f}" for check in slow),
        file=sys.stderr,
        flush=True,
    )
    return taken


def count(settings: Settings, environment: dict[str, str]) -> Taken:
    """The counts that a script compares."""
    product, postgres, s3 = settings.table("product"), settings.postgres, settings.s3
    staging = f"{settings.dbt.view_schema}.{product.staging}"
    return take(
        [sys.executable, NAIVE],
        env={
            "BROKER": settings.kafka.bootstrap_servers,
            "TOPIC": product.topic,
            "ENDPOINT": s3.endpoint_url,
            "ACCESS_KEY": s3.access_key_id,
            "SECRET_KEY": s3.secret_access_key.reveal() or "",
            "BUCKET": s3.bucket,
            "PREFIX": product.prefix,
            "DATABASE": f"host={postgres.host} port={postgres.port} dbname={postgres.dbname} "
            f"user={postgres.user}",
            "PGPASSWORD": postgres.password.reveal() or "",
            "RELATIONS": f"{product.bronze},{staging},{product.embeddings}",
        },
        state_dir=environment["BICTL_STATE_DIR"],
        codes=(0,),
    )


def table(found: dict[str, list[Taken]]) -> str:
    """Medians, with the least and the most."""
    head = ("level", "seconds", "n", "bictl CPU s", "services CPU s", "x counting", "peak MiB")
    lines = [head] + [_line(name, taken, found[COUNTING]) for name, taken in found.items()]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _line(name: str, taken: list[Taken], counting: list[Taken]) -> tuple[str, ...]:
    ratios = [one.seconds / base.seconds for one, base in zip(taken, counting, strict=True)]
    return (
        name,
        _spread([one.seconds for one in taken]),
        str(len(taken)),
        _spread([one.own for one in taken]),
        _spread([one.services for one in taken]),
        _spread(ratios),
        f"{max(one.peak for one in taken) / 2**20:.0f}",
    )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
