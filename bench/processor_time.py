"""Seconds of processor: of a whole command, and of the services beside it meanwhile."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Taken:
    """One run of a command: seconds by the clock, of processor of its own and of the services;
    peak resident bytes; what it wrote to stdout."""

    seconds: float
    own: float
    services: float
    peak: int
    output: bytes


def take(
    command: list[str],
    *,
    env: dict[str, str],
    state_dir: str,
    codes: tuple[int, ...],
    within: str | None = None,
) -> Taken:
    """Runs it to its end, in the folder `within`; exits with its complaint where its exit code is
    none of `codes`."""
    before, started = of_services(state_dir), time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=None, env={**os.environ, **env}, cwd=within
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if (code := os.waitstatus_to_exitcode(status)) not in codes:
        sys.exit(f"{command} ended with {code}: {output.decode(errors='replace')[-2000:]}")
    return Taken(
        seconds=seconds,
        own=usage.ru_utime + usage.ru_stime,
        services=of_services(state_dir) - before,
        peak=usage.ru_maxrss * 1024,
        output=output,
    )


def of_services(state_dir: str) -> float:
    """Of a stack's processes so far, of theirs, and of those of these that have ended."""
    from bictl.local import state

    kept = state.load(Path(state_dir) / "stack").processes.values()
    children, ticks = dict[int, list[int]](), dict[int, int]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # behind the name: state, parent, … and from the 12th on utime, stime, cutime, cstime
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        children.setdefault(int(fields[1]), []).append(int(folder.name))
        ticks[int(folder.name)] = sum(map(int, fields[11:15]))
    found, left = 0, [process.pid for process in kept]
    while left:
        pid = left.pop()
        found += ticks.get(pid, 0)
        left += children.get(pid, [])
    return found / _TICK
