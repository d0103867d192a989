"""From a commit in a live source database to the row in stg_product and to a search hit, while
`bictl run` is started again as soon as it ends.

python bench/latency_jvm.py [--products 2000] [--changes 60] [--every 2.0]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from common import machine, versions

from bictl import settings
from bictl.clients.database import Database
from bictl.clients.encoder import open_query_encoder
from bictl.local.stack import Stack
from bictl.search import search
from bictl.settings import Settings

FIRST = 10_000_001
WORDS = ("brass", "ceramic", "magnetic", "silent", "waterproof", "folding", "outdoor")
THINGS = ("hinge", "lantern", "compressor", "kettle", "gearbox", "ladder", "antenna", "blanket")


def main() -> None:
    """A demo with a live source, then changes and runs side by side."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--products", type=int, default=2_000)
    options.add_argument("--changes", type=int, default=60)
    options.add_argument("--every", type=float, default=2.0, help="seconds between commits")
    chosen = options.parse_args()
    print(machine(), versions("kafka-python", "dbt-core"), sep="; ")
    with tempfile.TemporaryDirectory(prefix="bictl-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        environment = {**os.environ, "BICTL_STATE_DIR": folder}
        try:
            bictl(environment, "demo", "--jvm", "--products", str(chosen.products), "--changes=0")
            measure(environment, Path(folder), chosen.changes, chosen.every)
        finally:
            bictl(environment, "stack", "down", "--purge")


def measure(environment: dict[str, str], folder: Path, changes: int, every: float) -> None:
    """Prints the distribution of both times, and how long a run takes."""
    stack = Stack.start(folder, jvm=True)
    configured = settings.load(config=str(stack.configuration), environment=environment)
    staged: dict[int, float] = {}
    found: dict[int, float] = {}
    names = {FIRST + n: f"{WORDS[n % 7]} {THINGS[n % 8]} number {n}" for n in range(changes)}
    committed: dict[int, float] = {}
    threads = [
        threading.Thread(target=commit, args=(stack, names, committed, every), daemon=True),
        threading.Thread(target=watch, args=(configured, names, staged, see_rows), daemon=True),
        threading.Thread(target=watch, args=(configured, names, found, see_hits), daemon=True),
    ]
    for thread in threads:
        thread.start()
    runs = []
    while any(thread.is_alive() for thread in threads):
        started = time.perf_counter()
        bictl(environment, "run")
        runs.append(time.perf_counter() - started)
    say("a run", runs)
    say("commit → stg_product", [staged[id] - committed[id] for id in names])
    say("commit → search hit", [found[id] - committed[id] for id in names])


def commit(stack: Stack, names: dict[int, str], committed: dict[int, float], every: float) -> None:
    """One new product a transaction."""
    statement = 'insert into dbo."Product" ("ID", "Name", "Created") values (%s, %s, now())'
    with closing(Database(stack.source)) as source:
        for id, name in names.items():
            source.execute(statement, [id, name])
            committed[id] = time.monotonic()
            time.sleep(every)


def watch(
    configured: Settings,
    names: dict[int, str],
    seen: dict[int, float],
    look: Callable[[Database, Settings, int, str], bool],
) -> None:
    """When each product is seen for the first time, by looking ten times a second."""
    with closing(Database(configured.postgres)) as database:
        for id, name in names.items():
            while not look(database, configured, id, name):
                time.sleep(0.1)
            seen[id] = time.monotonic()


def see_rows(database: Database, configured: Settings, id: int, _: str) -> bool:
    """Whether the view shows it."""
    view = f"{configured.dbt.view_schema}.stg_product"
    return bool(database.rows(f"select 1 from {view} where product_id = %s", [id]))


def see_hits(database: Database, configured: Settings, id: int, name: str) -> bool:
    """Whether it is found by meaning: by its vector, then."""
    result = search(
        database,
        lambda: open_query_encoder(configured.embedding),
        table=configured.table("product"),
        staging_schema=configured.dbt.view_schema,
        query=name,
        mode="semantic",
    )
    return any(hit.id == id for hit in result.hits)


def say(what: str, seconds: list[float]) -> None:
    """The median, and what 99 of 100 stay below."""
    ordered = sorted(seconds)
    at = {share: ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 99)}
    print(f"{what:<22}p50 {at[50]:6.2f} s   p99 {at[99]:6.2f} s   n = {len(ordered)}")


def bictl(environment: dict[str, str], *arguments: str) -> None:
    """Runs a command that has to succeed."""
    command = [sys.executable, "-m", "bictl", "-q", "--no-progress", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")


main()
