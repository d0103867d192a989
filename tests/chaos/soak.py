"""`make soak MINUTES=20`: traffic, stages that cron starts, kills of both and of the services.

    python tests/chaos/soak.py --minutes 20 [--seed 7] [--jvm]

Each verdict on the way is held against what was true at that moment (witness.py). In the end
everything is drained and held against what was produced, without bictl and by its own deepest
verdict. The last line is the summary; where something is wrong the exit code is 1, and every start
stands before it, with its time, the signal that it got and its exit code.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import oracle
from cron import Cron, Diary, Outages, started
from traffic import Traffic, folded
from witness import Truth

from bictl import settings as configured
from bictl.clients import Clients
from bictl.ingest.acks import quarantine_ack, write_ack
from bictl.local.stack import Stack

LINES = (  # name, commands, seconds between them at most
    ("objects", ("ingest", "load-bronze"), 2.0),
    ("vectors", ("transform", "embed"), 4.0),
    ("all", ("run",), 20.0),
    ("replay", ("load-bronze --replay",), 90.0),
    ("quick", ("verify --quick --json",), 3.0),
    ("whole", ("verify --json",), 30.0),
)
DIARY = "diary"  # every start, printed where something is wrong
NUMBERS = {"Weight": 4, "Length": 4, "Width": 4, "Height": 4, "Volume": 6, "Price": 4}
COLUMNS = """product_id, name, vendor_code, description, weight, length, width, height, volume,
    price, is_active, category_id, manufacturer_id, created_at, updated_at"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jvm", action="store_true", help="a real Kafka, with transactions")
    given = parser.parse_args()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's `&` ignores it, in starts too
    say(f"seed {given.seed}")
    directory = Path(tempfile.mkdtemp(prefix="bictl-soak-"))
    directory.chmod(0o711)
    wrong = ["it did not come to its end"]
    try:
        stack = Stack.start(directory, jvm=given.jvm)
        wrong, summary = soak(stack, minutes=given.minutes, seed=given.seed)
    finally:
        if wrong and (diary := directory / DIARY).exists():
            print(diary.read_text(encoding="utf-8"))
        Stack(directory).purge()
        shutil.rmtree(directory)
    for line in wrong:
        print(line)
    print(summary, flush=True)
    return 1 if wrong else 0


def soak(stack: Stack, *, minutes: float, seed: int) -> tuple[list[str], str]:
    """What is wrong, and the summary."""
    state_dir = stack.directory.parent / "state"
    state_dir.mkdir(mode=0o700)
    settings = configured.load(
        config=str(stack.configuration), environment={"BICTL_STATE_DIR": str(state_dir)}
    )
    table = settings.table("product")
    servers = settings.kafka.bootstrap_servers
    traffic = Traffic(servers, table.topic, seed=seed, transactional=stack.jvm)
    traffic.start()
    while not traffic.sent:
        time.sleep(0.1)
        if traffic.error:
            raise traffic.error
    with Clients(settings) as clients:
        ack = quarantine_ack("22P05", expires=None, reason="known", person="soak")
        write_ack(clients.objects, table.prefix, ack)
    wrong = [f"before the first kill: {said}" for said in do(settings, "run", "verify")]

    diary, began = Diary(path=stack.state_dir / DIARY), time.time()
    truth = Truth(oracle.Systems(settings), max_lag=settings.verify.max_lag)
    lines = [
        Cron(settings, diary, name=name, commands=commands, pause=pause, seed=seed)
        for name, commands, pause in LINES
    ]
    outages = Outages(
        stack, diary, services=["kafka", "s3", "postgres"], seed=seed, say=say
    )  # fmt: skip
    for thread in (truth, *lines, outages):
        thread.start()
    while time.time() < began + minutes * 60 and not traffic.error:
        time.sleep(1)
        if int(time.time() - began) % 60 == 0:
            say(f"{(time.time() - began) / 60:.0f} min, {traffic.sent} records, {told(diary)}")
    outages.stopped.set()
    outages.join()
    Stack.start(stack.state_dir, jvm=stack.jvm)
    traffic.stop()
    if traffic.error:
        wrong.append(f"the traffic: {traffic.error!r}")
    for line in lines:
        line.stopped.set()
    for line in lines:
        line.join()
    lasted = (time.time() - began) / 60
    truth.stopped.set()
    truth.join()

    wrong += [f"{one.words} ended with {one.code}: {one.said[-1500:]}" for one in diary.odd()]
    wrong += do(settings, "run --lock-wait 60", "run", "verify --deep")
    held = truth.judge(diary.starts, traffic.stamps)
    alarms, calm = held.false_alarms(), held.false_calm()
    wrong += [*alarms, *calm, *held.idle_loads(), *sorted(truth.wrong)]
    judged, tally = judge(settings)
    wrong += judged
    summary = (
        f"soak {'with a real Kafka' if stack.jvm else 'of the embedded stack'}: {lasted:.0f}"
        f" minutes, seed {seed}, {told(diary)}; {len(diary.starts)} starts; {traffic.sent} records"
        f" ({traffic.aborted} transactions aborted, {traffic.unknown} sends settled), the slowest"
        f" {held.longest_lag:.0f} s until bronze; losses {len(tally.lost)}, duplicates"
        f" {len(tally.doubled)}, foreign {len(tally.foreign)}, changed {len(tally.changed)};"
        f" {len(held.verdicts)} verdicts, {len(held.red)} of them red, held against"
        f" {len(truth.looks)} looks: false alarms {len(alarms)}, missed {len(calm)};"
        f" {f'{len(wrong)} WRONG' if wrong else 'all well'}"
    )
    return wrong, summary


def do(settings: configured.Settings, *commands: str) -> list[str]:
    """What the commands complained of."""
    wrong = []
    for words in commands:
        with tempfile.TemporaryFile("w+") as output:
            code = started(settings, words, output).wait()
            output.seek(0)
            said = output.read()
        if code not in (0, 3) or (code and words.startswith("verify")):
            wrong.append(f"{words} ended with {code}: {said[-1500:]}")
        if words == "verify --deep" and "complete" not in said:
            wrong.append(f"{words} is not complete: {said[-1500:]}")
    return wrong


def judge(settings: configured.Settings) -> tuple[list[str], oracle.Tally]:
    """Without bictl: produced = bronze + quarantine, staging = the table that the records make."""
    systems = oracle.Systems(settings)
    produced, found = systems.produced(), oracle.contents(systems)
    tally = oracle.tally(produced, found)
    wrong = [] if tally.is_clean else [str(tally)[:1500]]
    expected = sorted(map(row, folded(produced).values()))
    with systems.cursor() as cursor:
        cursor.execute(f"select {COLUMNS} from staging_staging.stg_product order by 1")
        staging = cursor.fetchall()
    if staging != expected:
        odd = [item for item in expected if item not in staging][:3]
        wrong.append(f"staging has {len(staging)} rows, expected {len(expected)}; not there {odd}")
    wrong += [f"left behind: {words}" for words in oracle.litter(systems, settings.state_dir)]
    return wrong, tally


def row(after: dict) -> tuple:
    """A row of staging from an event's image."""
    decimals = {
        name: None
        if after[name] is None
        else Decimal(int.from_bytes(b64decode(after[name]), "big", signed=True)).scaleb(-scale)
        for name, scale in NUMBERS.items()
    }
    epoch = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    updated = after["Updated"]
    return (
        *(after[name] for name in ("ID", "Name", "VendorCode", "Description")),
        *decimals.values(),
        *(after[name] for name in ("IsActive", "CategoryID", "ManufacturerID")),
        epoch + timedelta(microseconds=after["Created"] // 1000),
        None if updated is None else epoch + timedelta(milliseconds=updated),
    )


def told(diary: Diary) -> str:
    """The kills by their kind."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(Counter(diary.kills).items()))
    return f"kills {sum(diary.kills.values())} ({kinds})"


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
