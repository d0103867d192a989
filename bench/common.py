"""What every bench shares: the machine, fresh services, and ratios taken in one run."""

import argparse
import contextlib
import dataclasses
import importlib.metadata
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def machine() -> str:
    """Processor, cores, memory, Python: what a figure is worth nothing without.

    Where Python may keep no bytecode, every whole process compiles what it imports: it is told.
    """
    model = "unknown processor"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version() + (", no bytecode kept" * sys.dont_write_bytecode)
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {load}, Python {python}"


def add_sizes(options: argparse.ArgumentParser) -> None:
    """`--records`: a small and a larger pipeline by default, and `--million` for one of that."""
    options.add_argument("--records", type=int, nargs="+", default=[61_443, 250_000])
    options.add_argument(
        "--million",
        dest="records",
        action="store_const",
        const=[61_443, 1_000_000],
        help="the larger one has 1,000,000 records: tens of minutes",
    )


def versions(*packages: str) -> str:
    """`name version` of each package."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


@dataclasses.dataclass(frozen=True)
class Paired:
    """Seconds of the thing and of its baseline, taken in turn."""

    ours: list[float]
    baseline: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster than the baseline, pair by pair."""
        return [slow / fast for fast, slow in zip(self.ours, self.baseline, strict=True)]

    def line(self, name: str, *, baseline: str) -> str:
        """`name: 8.1x baseline (7.9 to 8.4, 5 pairs); 0.9 s against 7.3 s`."""
        ratios = self.ratios
        return (
            f"{name}: {statistics.median(ratios):.2f}x {baseline} "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs); "
            f"{statistics.median(self.ours):.3f} s against {statistics.median(self.baseline):.3f} s"
        )


def pairs(ours: Callable[[], object], baseline: Callable[[], object], *, rounds: int) -> Paired:
    """Runs the two in turn, ours first, `rounds` times."""
    found = Paired([], [])
    for _ in range(rounds):
        found.ours.append(seconds(ours))
        found.baseline.append(seconds(baseline))
    return found


def seconds(do: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def run(*command: str, env: dict[str, str] | None = None) -> tuple[float, int]:
    """Seconds and peak resident bytes of a whole process; its output is thrown away."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed: {complaint.decode(errors='replace')[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss * 1024


def peak_memory() -> int:
    """Peak resident bytes of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextlib.contextmanager
def services(kept: str = "") -> Iterator[tuple["Settings", dict[str, str]]]:  # noqa: F821
    """A fresh embedded stack: its settings, and the environment in which `bictl` finds it. In the
    folder `kept` it stays for another bench, stopped."""
    from bictl.local.stack import Stack
    from bictl.settings import load

    with contextlib.ExitStack() as opened:
        folder = kept or opened.enter_context(
            tempfile.TemporaryDirectory(prefix="bictl-bench-", ignore_cleanup_errors=True)
        )
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder).chmod(0o755)
        environment = {"BICTL_STATE_DIR": folder}
        stack = Stack.start(Path(folder))
        try:
            yield load(environment=environment), environment
        finally:
            stack.stop()


def plain_connection(postgres: "Postgres") -> "psycopg2.extensions.connection":  # noqa: F821
    """A connection as a script opens it."""
    import psycopg2

    return psycopg2.connect(
        host=postgres.host,
        port=postgres.port,
        dbname=postgres.dbname,
        user=postgres.user,
        password=postgres.password.reveal(),
    )
