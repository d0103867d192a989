"""A service fails in the middle of a stage: an end in time, its code, words, and nothing half done.

The table is service × fault × stage; `make outages` takes all of it and prints it. Left out is what
would ask the same code of a client again: a refused connection is what a killed service gives, a
silent wire what a frozen one gives, and `run` is its stages.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from between import Held, Request
from cron_stages import GATES, Bictl, closed_gate, is_waiting, until
from scene import Scene, is_loaded, is_whole, succeed

from bictl.clients import Clients
from bictl.settings import Settings

pytestmark = pytest.mark.timeout(600)  # the scene is made within the first test

FIRM = 6.0  # seconds of --timeout beside the time that it takes to come to the middle
GRACE = 5.0  # from there to the end by force
START = 20.0  # that a loaded machine may take to load the program and to end it
LASTS = 2.0  # how long a passing fault lasts
STORM = 2.0  # connections a second that one command may try in an outage, beside the first thirty
STARTS = 4  # each with twice the time of the one before, until one comes to the middle
NAMES = {"kafka": "Kafka at ", "s3": "object store", "postgres": "Postgres"}
GATES = GATES | {
    "transform": "lock table bronze.product_cdc in access exclusive mode",
    "search": "lock table analytics_features.product_embeddings in access exclusive mode",
    "run": GATES["load-bronze"],
}


def is_batch(method: str) -> Callable[[Request], bool]:
    return lambda request: request.method == method and request.key.endswith(".jsonl.gz")


def is_list(request: Request) -> bool:
    return "list-type=2" in request.path


@dataclass(frozen=True)
class Stage:
    """A command; it begins at one state and leads to another. Its middle is the n-th such request
    to the store, or (None) the place where it waits in Postgres, or its first words to Kafka."""

    words: tuple[str, ...]
    begins: str
    ends: str
    middle: tuple[Callable[[Request], bool], int] | str | None = None

    @property
    def name(self) -> str:
        return self.words[0]


@dataclass(frozen=True)
class Fault:
    """What happens to the way to a service; `passes` whether it is over while the stage waits."""

    name: str
    strike: Callable[[Scene, str], object]  # a context, or nothing where healing undoes it
    passes: bool = False
    codes: tuple[int, ...] = (4,)


def _kill(scene, service):
    scene.kill(service)


def _freeze(scene, service):
    return scene.frozen(service)


def _restart(scene, service):
    scene.kill(service)
    scene.start(service)


def _wire(action):
    def strike(scene, service):
        action(scene.wire[service])

    return strike


OPEN = (0, 4)  # a fault that a stage may live through
KILLED = Fault("killed", _kill)
FROZEN = Fault("frozen", _freeze)
RESTARTED = Fault("restarted", _restart, codes=OPEN)
FAULTS = [
    KILLED,
    FROZEN,
    Fault("thawed", _freeze, passes=True, codes=OPEN),
    RESTARTED,
    Fault("reset", _wire(lambda wire: wire.toxic("reset_peer", timeout=0))),
    Fault("late", _wire(lambda wire: wire.toxic("latency", latency=300)), codes=OPEN),
    Fault(
        "answers cut at byte 700",
        _wire(lambda wire: wire.toxic("limit_data", bytes=700)),
        codes=OPEN,
    ),
    Fault(
        "requests cut at byte 700",
        _wire(lambda wire: wire.toxic("limit_data", "upstream", bytes=700)),
        codes=OPEN,
    ),
]
INGEST = Stage(("ingest",), "produced", "loaded", (is_batch("PUT"), 3))
LOAD = Stage(("load-bronze",), "sealed", "loaded")
TRANSFORM = Stage(("transform", "--force"), "loaded", "shown")
EMBED = Stage(("embed", "--rebuild"), "whole", "whole")
SEARCH = Stage(("search", "pump"), "whole", "whole")
VERIFY = Stage(("verify",), "whole", "whole")
RUN = Stage(("run",), "sealed", "whole")
TABLE = {
    "kafka": [(INGEST, FAULTS), (Stage(("verify",), "whole", "whole", "kafka"), FAULTS)],
    "s3": [
        (INGEST, FAULTS),
        (Stage(("load-bronze",), "sealed", "loaded", (is_batch("GET"), 3)), FAULTS),
        (Stage(("verify",), "whole", "whole", (is_list, 1)), FAULTS),
    ],
    "postgres": [
        (LOAD, FAULTS),
        (TRANSFORM, [KILLED, FROZEN, RESTARTED]),
        (EMBED, FAULTS),
        (SEARCH, FAULTS),
        (VERIFY, FAULTS),
        (RUN, [KILLED]),
    ],
}
SAMPLE = {("kafka", "frozen", "ingest"), ("s3", "reset", "load-bronze")}


def table() -> Iterator[Any]:
    for service, stages in TABLE.items():
        for stage, faults in stages:
            for fault in faults:
                cell = (service, fault.name, stage.name)
                marks = () if cell in SAMPLE else (pytest.mark.outages,)
                yield pytest.param(service, fault, stage, id="-".join(cell), marks=marks)


class TooSlow(Exception):
    """The deadline came before the middle."""


def on_its_way(running: subprocess.Popen[str]) -> bool:
    """False; TooSlow when its deadline has ended it, AssertionError when something else has."""
    if running.poll() is not None:
        out, err = running.communicate()
        if "not finished within" in err or "before it was evaluated" in out + err:
            raise TooSlow
        raise AssertionError(f"it did not come to its middle: {running.returncode}\n{out}\n{err}")
    return False


@contextmanager
def in_the_middle(scene: Scene, settings: Settings, stage: Stage) -> Iterator[Callable[..., None]]:
    """`wait()` until the stage is at work and cannot end; after the block it goes on."""
    with ExitStack() as stack:
        if stage.middle is None:
            clients = stack.enter_context(Clients(settings))
            stack.enter_context(closed_gate(clients, stage.name, GATES))
            yield lambda running: until(lambda: on_its_way(running) or is_waiting(clients), 200)
        elif isinstance(stage.middle, str):
            wire = scene.wire[stage.middle]
            pace, before = wire.toxic("latency", latency=1000), wire.connections
            yield lambda running: until(
                lambda: on_its_way(running) or wire.connections > before, 200
            )
            wire.end(pace)
        else:
            wanted, number = stage.middle
            scene.store.meddle = held = Held(wanted, number=number)
            stack.callback(held.let_go)
            yield lambda running: until(lambda: on_its_way(running) or held.reached.is_set(), 200)


@dataclass(frozen=True)
class Outcome:
    """How a stage ended that a fault met; `timeout` is what it was given."""

    code: int
    out: str
    err: str
    took: float  # seconds since the fault
    tried: int  # connections since then
    timeout: int


def met(
    scene: Scene, bictl: Bictl, service: str, fault: Fault, stage: Stage, timeout: int
) -> Outcome:
    """Starts the stage, lets the fault meet it in its middle, and waits for its end."""
    with ExitStack() as freeze:
        with in_the_middle(scene, bictl.settings, stage) as wait:
            limit = ("--timeout", str(timeout))
            running = bictl.start("-q", *limit, *stage.words, env=scene.through())
            wait(running)
            before, began = scene.wire[service].connections, time.monotonic()
            struck = fault.strike(scene, service)
            if struck is not None:
                freeze.enter_context(struck)
            if fault.passes:
                time.sleep(LASTS)
                freeze.close()
                scene.heal(services=False)
        out, err = running.communicate(timeout=timeout + 60)
        took = time.monotonic() - began
        tried = scene.wire[service].connections - before
    return Outcome(running.returncode, out, err, took, tried, timeout)


@pytest.mark.parametrize(("service", "fault", "stage"), list(table()))
def test_an_outage(scene, tmp_path, record_property, service, fault, stage):
    with scene.pipeline(stage.begins) as settings, ExitStack() as held:
        bictl = Bictl(settings, tmp_path)
        held.callback(bictl.end)
        timeout = FIRM + 2 * scene.seconds.get(stage.name, 3 * scene.seconds["migrate"])
        for _ in range(STARTS):
            try:
                outcome = met(scene, bictl, service, fault, stage, round(timeout))
                break
            except TooSlow:
                timeout *= 2
        else:
            raise AssertionError("it never came to its middle")
        record_property(
            "outage",
            (service, fault.name, stage.name, outcome.code, outcome.took, outcome.tried),
        )
        scene.heal()
        judge(stage, fault, outcome, service)
        recovers(scene, settings, tmp_path, stage)


def judge(stage, fault, outcome, service):
    said = f"code {outcome.code}\n{outcome.out}\n{outcome.err}"
    assert "Traceback" not in outcome.err, said
    assert "bug in bictl" not in outcome.err, said
    allowed = (*fault.codes, 3, 4) if stage.name == "verify" else fault.codes
    assert outcome.code in allowed, said
    if outcome.code == 4:
        words = [line.partition(":")[0] for line in outcome.err.splitlines() if line[:1].isalpha()]
        assert words == ["error", "hint"], said
        passed = fault.passes or fault.name in ("restarted", "late")
        assert passed or NAMES[service] in outcome.err, said
    assert outcome.took < outcome.timeout + GRACE + START, said
    assert outcome.tried < 30 + STORM * outcome.took, said


def recovers(scene, settings, directory, stage):
    """The same command again ends well, and what is there is what no outage would have left."""
    succeed(settings, directory, *stage.words)
    if stage.name == "ingest":
        is_loaded(settings)
    elif stage.name == "run":
        is_whole(settings, directory)
    scene.is_as_undisturbed(settings, stage.ends)
