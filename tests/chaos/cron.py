"""Stages that start again and again as cron would start them, some of them killed on their way."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bictl.settings import Settings

SIGNALS = {signal.SIGKILL: 6, signal.SIGTERM: 3, signal.SIGINT: 2}
KILLED = 0.5  # of the starts
DBT = 0.25  # of the kills of a stage that runs dbt: dbt alone
GRACE = 15.0  # seconds after a service is back in which somebody may still have missed it


@dataclass(frozen=True)
class Start:
    """A command that has ended: `hit` is the signal that it got, `code` its exit code."""

    words: str
    began: float
    ended: float
    hit: str
    code: int
    said: str


@dataclass
class Diary:
    """What happened, for all threads: kills by kind, outages, and how each start ended."""

    kills: Counter = field(default_factory=Counter)
    outages: list[list[float]] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)  # by their ends
    path: Path = Path(os.devnull)  # the same, a line each

    def take(self, start: Start) -> None:
        """Keeps a start that has ended."""
        self.starts.append(start)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{told(start)}\n")

    def out(self, start: Start) -> bool:
        """Whether a service was down while it worked, or shortly before."""
        return any(
            began <= start.ended and start.began <= ended + GRACE for began, ended in self.outages
        )

    def odd(self) -> list[Start]:
        """The starts that ended as they should not."""
        return [start for start in self.starts if self._is_odd(start)]

    def _is_odd(self, start: Start) -> bool:
        if start.hit:
            numbers = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130, "dbt": 1}
            early = {-15, -2}  # before it listened to signals
            judged = {1} if start.words.startswith("verify") else set()
            if "init_import_site" in start.said:  # before bictl's first line
                early.add(1)
            return start.code not in {numbers[start.hit], 0, 3, 4, 5, *early, *judged}
        if start.words.startswith("verify"):  # 1 is held against the truth: witness.py
            return start.code not in ({0, 1, 3, 4} if self.out(start) else {0, 1})
        return start.code not in ({0, 3, 5, 4} if self.out(start) else {0, 3, 5})


def verdict(start: Start) -> dict:
    """The JSON document that a verify wrote."""
    document, _ = json.JSONDecoder().raw_decode(start.said[start.said.index("{") :])
    return document


def told(start: Start) -> str:
    """When, how long, what, the signal that it got, its exit code; what a red verdict named."""
    clock = time.strftime("%H:%M:%S", time.localtime(start.began))
    line = (
        f"{clock} {start.ended - start.began:6.1f} s  {start.words:<22} {start.hit:<8} {start.code}"
    )
    if start.code == 1 and not start.hit and start.words.startswith("verify"):
        red = [check for check in verdict(start)["checks"] if check["state"] == "fail"]
        line += "".join(f"; {check['id']} {check['message'][:200]}" for check in red)
    return line


class Cron(threading.Thread):
    """One line of a crontab: its commands one after the other, until it is stopped."""

    def __init__(
        self, settings: Settings, diary: Diary, *, name: str, commands: Sequence[str],
        pause: float, seed: int, killed: float = KILLED,
    ) -> None:  # fmt: skip
        super().__init__(daemon=True, name=name)
        self._settings, self._diary, self._commands = settings, diary, commands
        self._pause, self._killed = pause, killed
        self._chance = random.Random(f"{seed} {name}")
        self._usual: dict[str, float] = defaultdict(lambda: 3.0)
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            for words in self._commands:
                self._start(words)
                if self.stopped.wait(self._chance.uniform(0, self._pause)):
                    return

    def _start(self, words: str) -> None:
        began = time.time()
        with tempfile.TemporaryFile("w+") as output:
            process = started(self._settings, words, output)
            hit = self._wound(process, words) if self._chance.random() < self._killed else ""
            code = process.wait()
            output.seek(0)
            said = output.read()
        took = time.time() - began
        if not hit:
            self._usual[words] = 0.7 * self._usual[words] + 0.3 * took
        self._diary.take(Start(words, began, began + took, hit, code, said))

    def _wound(self, process: subprocess.Popen, words: str) -> str:
        """Sends a signal somewhere in the middle; its name, or nothing when it was too late."""
        try:
            process.wait(self._chance.random() * 1.1 * self._usual[words])
            return ""
        except subprocess.TimeoutExpired:
            pass
        if self._chance.random() < DBT and (dbt := _dbt_of(process.pid)):
            os.kill(dbt[0], signal.SIGKILL)
            self._diary.kills["dbt"] += 1
            return "dbt"
        (number,) = self._chance.choices(list(SIGNALS), list(SIGNALS.values()))
        process.send_signal(number)
        if number is not signal.SIGKILL and self._chance.random() < 0.3:
            self._chance.random()
            process.send_signal(number)  # the impatient second one
        self._diary.kills[number.name] += 1
        return number.name


def started(settings: Settings, words: str, output) -> subprocess.Popen:
    """A running `bictl …`."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("BICTL_")}
    return subprocess.Popen(
        [sys.executable, "-m", "bictl", *words.split()],
        env={
            **plain,
            "BICTL_CONFIG": str(settings.path),
            "BICTL_STATE_DIR": str(settings.state_dir),
            "BICTL_INGEST_BATCH_RECORDS": "200",
        },
        cwd=settings.state_dir.parent,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
    )


def _dbt_of(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(one) for one in children if b"dbt" in Path(f"/proc/{one}/cmdline").read_bytes()]
    except OSError:
        return []


class Outages(threading.Thread):
    """Kills a service now and then, and starts it again."""

    def __init__(
        self, stack, diary: Diary, *, services: Sequence[str], seed: int, say: Callable[[str], None]
    ) -> None:
        super().__init__(daemon=True)
        self._stack, self._diary, self._services, self._say = stack, diary, services, say
        self._chance = random.Random(f"{seed} outages")
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(self._chance.uniform(15, 50)):
            name = self._chance.choice(self._services)
            outage = [time.time(), float("inf")]
            self._diary.outages.append(outage)
            self._stack.kill(name)
            self._diary.kills[name] += 1
            self.stopped.wait(self._chance.uniform(0, 8))
            self._stack.start(self._stack.state_dir)
            outage[1] = time.time()
            self._say(f"{name} was killed, and is back after {outage[1] - outage[0]:.0f} s")
