"""A service fails in the middle of a stage: an end in time, its code, words, and nothing half done.

The table is service × fault × stage; `make outages` takes all of it and prints it.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from cron_stages import GATES, Bictl, closed_gate, is_waiting, until
from scene import Scene, is_whole

from bictl.clients import Clients
from bictl.settings import Settings

pytestmark = pytest.mark.timeout(600)  # the scene is made within the first test

FIRM = 6.0  # seconds of --timeout beside the time that it takes to come to the middle
GRACE = 5.0  # from there to the end by force
START = 15.0  # that a loaded machine may take to load the program and to end it
LASTS = 2.0  # how long a passing fault lasts
STORM = 40  # connections that one command may try in an outage
NAMES = {"kafka": "Kafka at ", "s3": "object store", "postgres": "Postgres"}
GATES = GATES | {
    "transform": "lock table bronze.product_cdc in access exclusive mode",
    "search": "lock table analytics_features.product_embeddings in access exclusive mode",
}


@dataclass(frozen=True)
class Stage:
    """A command; `begins` is the state before it, `gate` what it waits at in Postgres."""

    words: tuple[str, ...]
    begins: str
    gate: str | None = None

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
FAULTS = [
    Fault("killed", _kill),
    Fault("frozen", _freeze),
    Fault("thawed", _freeze, passes=True, codes=OPEN),
    Fault("restarted", _restart, codes=OPEN),
    Fault("refused", _wire(lambda wire: wire.cut())),
    Fault("refused for a moment", _wire(lambda wire: wire.cut()), passes=True, codes=OPEN),
    Fault("silent", _wire(lambda wire: wire.toxic("timeout", timeout=0))),
    Fault("deaf", _wire(lambda wire: wire.toxic("timeout", "upstream", timeout=0))),
    Fault("reset", _wire(lambda wire: wire.toxic("reset_peer", timeout=0))),
    Fault("late", _wire(lambda wire: wire.toxic("latency", latency=300)), codes=OPEN),
    Fault("1 kB/s", _wire(lambda wire: wire.toxic("bandwidth", rate=1)), codes=OPEN),
    Fault("answers cut at byte 0", _wire(lambda wire: wire.toxic("limit_data", bytes=0))),
    Fault(
        "answers cut at byte 700",
        _wire(lambda wire: wire.toxic("limit_data", bytes=700)),
        codes=OPEN,
    ),
    Fault("requests cut at byte 0", _wire(lambda w: w.toxic("limit_data", "upstream", bytes=0))),
    Fault(
        "requests cut at byte 700",
        _wire(lambda wire: wire.toxic("limit_data", "upstream", bytes=700)),
        codes=OPEN,
    ),
]
STAGES = {
    "kafka": [
        Stage(("ingest",), "produced"),
        Stage(("run",), "produced"),
        Stage(("verify",), "whole", "verify"),
    ],
    "s3": [
        Stage(("ingest",), "produced"),
        Stage(("load-bronze",), "sealed", "load-bronze"),
        Stage(("run",), "produced"),
        Stage(("verify",), "whole", "verify"),
    ],
    "postgres": [
        Stage(("load-bronze",), "sealed", "load-bronze"),
        Stage(("transform", "--force"), "loaded", "transform"),
        Stage(("embed", "--rebuild"), "whole", "embed"),
        Stage(("search", "pump"), "whole", "search"),
        Stage(("run",), "sealed", "load-bronze"),
        Stage(("verify",), "whole", "verify"),
    ],
}
SAMPLE = {("kafka", "deaf", "ingest")}


def table() -> Iterator[Any]:
    for service, stages in STAGES.items():
        for stage in stages:
            for fault in FAULTS:
                cell = (service, fault.name, stage.name)
                marks = () if cell in SAMPLE else (pytest.mark.outages,)
                yield pytest.param(service, fault, stage, id="-".join(cell), marks=marks)


def over(running: subprocess.Popen[str]) -> bool:
    """AssertionError with its words when it ended too early."""
    assert running.poll() is None, running.communicate()
    return False


@contextmanager
def in_the_middle(scene: Scene, settings: Settings, stage: Stage) -> Iterator[Callable[..., None]]:
    """`wait()` until the stage is at work and cannot end; after the block it goes on."""
    with Clients(settings) as clients, ExitStack() as stack:
        if stage.gate:
            stack.enter_context(closed_gate(clients, stage.gate, GATES))
            yield lambda running: until(lambda: over(running) or is_waiting(clients))
        else:
            pace = scene.wire["s3"].toxic("latency", latency=60)  # one batch takes twice that
            prefix = f"{settings.table('product').prefix}generation="
            yield lambda running: until(
                lambda: over(running) or next(clients.objects.list(prefix), None)
            )
            scene.wire["s3"].end(pace)


@pytest.mark.parametrize(("service", "fault", "stage"), list(table()))
def test_an_outage(scene, tmp_path, record_property, service, fault, stage):
    with scene.pipeline(stage.begins) as settings, ExitStack() as held:
        bictl = Bictl(settings, tmp_path)
        held.callback(bictl.end)
        timeout = round(FIRM + 2 * scene.slowest)
        freeze = held.enter_context(ExitStack())
        with in_the_middle(scene, settings, stage) as wait:
            running = bictl.start(
                *("-q", "--timeout", str(timeout)), *stage.words, env=scene.through()
            )
            wait(running)
            before, began = scene.wire[service].connections, time.monotonic()
            struck = fault.strike(scene, service)
            if struck is not None:
                freeze.enter_context(struck)
            if fault.passes:
                time.sleep(LASTS)
                freeze.close()
                scene.heal()
        out, err = running.communicate(timeout=timeout + 60)
        took = time.monotonic() - began
        tried = scene.wire[service].connections - before
        held.close()
        record_property(
            "outage", (service, fault.name, stage.name, running.returncode, took, tried)
        )
        scene.heal()

        judge(stage, fault, running.returncode, out, err, service)
        assert took < timeout + GRACE + START + scene.slowest
        assert tried < STORM
        is_whole(settings, tmp_path)


def judge(stage, fault, code, out, err, service):
    said = f"code {code}\n{out}\n{err}"
    assert "Traceback" not in err, said
    assert "bug in bictl" not in err, said
    assert code in ((*fault.codes, 3, 4) if stage.name == "verify" else fault.codes), said
    if code == 4:
        words = [line.partition(":")[0] for line in err.splitlines() if line[:1].isalpha()]
        assert words == ["error", "hint"], said
        assert fault.passes or fault.name == "restarted" or NAMES[service] in err, said
