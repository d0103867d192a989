"""Verdicts to look at, and the evidence that their pictures are drawn from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from evidence import LAG, NOW, OLD, YOUNG, batch, cut, part, shelf

from bictl.ops.ledger import Run
from bictl.records import Range
from bictl.verify import bronze as bronzes
from bictl.verify import kafka
from bictl.verify.axes import Evidence, draw
from bictl.verify.bronze import Bronze, compare
from bictl.verify.expired import Expired
from bictl.verify.history import Past
from bictl.verify.ranges import total
from bictl.verify.report import (
    Boundary,
    Check,
    Hop,
    Kind,
    Report,
    State,
    Tally,
    of_keys,
    of_ranges,
)
from bictl.verify.run import concluded
from bictl.verify.shelf import Acked

TOPIC = "cord.ConcordDb.dbo.Product"
LAYERS = ("Kafka", "objects", "bronze", "staging", "vectors")
VERBS = ("ingested", "loaded", "in staging", "embedded")
REPAIRS = ("ingest", "load-bronze", "transform", "embed")


def evidence(*, ends, sealed, rows, pruned=(), refused=(), acked=(), expired=(), age=OLD, lost=0):
    """One generation: its partitions' ends, the batches [first, next) that are sealed, and what of
    them bronze holds, pruned, refused."""
    batches = [batch(item.first, item.next, partition=item.partition) for item in sealed]
    found = shelf(*batches, acked=tuple(acked))
    parts = []
    for number, end in enumerate(ends):
        frontier = found.frontier(("g1", number)) or 0
        waits = age if frontier < end else None
        start = lost if number == 0 else 0
        parts.append(
            part(
                start,
                end,
                partition=number,
                frontier=frontier,
                frontier_then=frontier,
                oldest=waits,
            )
        )

    def by_place(ranges):
        return {
            ("g1", number): tuple(item for item in ranges if item.partition == number)
            for number in range(len(ends))
        }

    bronze = Bronze(held=by_place(rows), pruned=by_place(pruned), rows=total(rows))
    gone = Expired(ranges=by_place(expired), held=by_place(expired)) if expired else Expired()
    return Evidence(
        cut=cut(*parts, partitions=tuple(range(len(ends)))),
        shelf=found,
        bronze=bronze,
        comparison=compare(found, bronze, (), later=found, expired=gone, now=NOW, max_lag=LAG),
        expired=gone,
        quarantined=by_place(refused),
        max_lag=LAG,
    )


def boundary(number, tally, state=None, **fields):
    balanced = tally is not None and tally.balanced
    judged = state or (State.OK if balanced else State.FAIL)
    hint = "" if judged is State.OK else f"bictl {REPAIRS[number]} --table product"
    return Boundary(
        upstream=LAYERS[number],
        downstream=LAYERS[number + 1],
        verb=VERBS[number],
        state=judged,
        tally=tally,
        **{"hint": hint, **fields},
    )


def check(name, title, boundary, state=State.OK, **fields):
    return Check(
        id=name,
        title=title,
        boundary=boundary,
        state=state,
        **{"evaluated": 61_443, "seconds": 0.0123, "cut": "0:61443", **fields},
    )


def checks_that_are_well(boundaries, *wrong):
    named = {one.id for one in wrong}
    known = [
        ("K1", "the topic is the one that was read", LAYERS[:2]),
        ("K2", "no partition ends before what was read", LAYERS[:2]),
        ("K4", "Kafka discarded nothing unread", LAYERS[:2]),
        ("K5", "records above the frontier are young", LAYERS[:2]),
        ("O2", "the batches form one chain", LAYERS[:2]),
        ("B1", "every object is loaded", LAYERS[1:3]),
        ("B3", "no offset is missing in bronze", LAYERS[1:3]),
        ("B6", "nothing is quarantined unacknowledged", LAYERS[1:3]),
        ("T2", "staging shows each live key, and no other", LAYERS[2:4]),
        ("E1", "each key has its vector, and no other", LAYERS[3:5]),
    ]
    well = [
        check(name, title, " → ".join(where)) for name, title, where in known if name not in named
    ]
    return (*wrong, *well)


def report(boundaries, checks, **fields):
    given = {
        "table": "product",
        "topic": TOPIC,
        "level": "default",
        "run": "7f3e2a10-5f0a-4f6e-9a53-6d2f7f1d9e11",
        "started": NOW,
        "seconds": 3.184,
        "cut": ("0:61443",),
        "scope": ("kafka", "objects", "bronze", "staging", "vectors"),
        "unverified": ("source",),
        **fields,
    }
    return concluded(Report(boundaries=tuple(boundaries), checks=tuple(checks), **given))


def counted(found, keys):
    """The four boundaries, the first two counted from the evidence itself."""
    first = kafka.tally(
        found.cut, found.shelf, lambda: found.expired, told=lambda: found.expired, max_lag=LAG
    )
    second = bronzes.tally(found.comparison)
    return [
        boundary(0, first),
        boundary(1, second),
        boundary(2, Tally(unit="keys", expected=keys, accounted=keys)),
        boundary(3, Tally(unit="keys", expected=keys, accounted=keys)),
    ]


def complete():
    found = evidence(
        ends=[30_721, 30_722],
        sealed=[Range(0, 0, 20_000), Range(0, 20_000, 30_721), Range(1, 0, 30_722)],
        rows=[Range(0, 0, 30_721), Range(1, 0, 30_722)],
    )
    boundaries = counted(found, 47_118)
    return report(
        boundaries,
        checks_that_are_well(boundaries),
        axes=draw(found),
        latency=LATENCY,
        cut=("0:30721", "1:30722"),
    )


LATENCY = (
    Hop(name="source → Kafka", records=2310, p50=0.42, p95=0.97, longest=2.1),
    Hop(name="Kafka → objects", records=2310, p50=31.0, p95=58.4, longest=61.2),
    Hop(name="objects → bronze", records=2310, p50=1.9, p95=4.2, longest=6.0),
    Hop(name="bronze → vectors", records=1204, p50=14.6, p95=39.0, longest=180.5),
    Hop(name="source → bronze", records=2310, p50=34.0, p95=62.1, longest=69.0),
)


def broken():
    """The old page's lie: 61,443 captured, 115 arrived, and 115 = 115 = 115 below."""
    found = evidence(ends=[61_443], sealed=[Range(0, 0, 115)], rows=[Range(0, 0, 115)])
    boundaries = counted(found, 115)
    missing = boundaries[0].tally.missing
    late = check(
        "K5",
        "records above the frontier are young",
        "Kafka → objects",
        State.FAIL,
        evaluated=1,
        missing=missing,
        expected="nothing older than 300 s above the frontier",
        actual="61328 offsets, the oldest 3600 s",
        message="partition 0, offsets [115,61443) (61328 records) not ingested",
        hint="bictl ingest --table product",
    )
    age = check(
        "K6",
        "the oldest waiting record's age",
        "Kafka → objects",
        State.FAIL,
        evaluated=1,
        expected="at most 300 s",
        actual="3600 s",
        message="the oldest record that is not ingested is 3600 s old",
        hint="bictl ingest --table product",
    )
    return report(
        boundaries, checks_that_are_well(boundaries, late, age), axes=draw(found), latency=LATENCY
    )


def everything():
    """Each kind of offset once, one of a million among them, and what a person acknowledged."""
    acked = Acked(generation="g1", range=Range(0, 0, 2_000), words="…")
    found = evidence(
        ends=[1_000_000, 0, 48_000],
        sealed=[
            Range(0, 2_000, 400_000),
            Range(0, 400_500, 990_000),
            Range(2, 9_000, 20_000),
            Range(2, 20_000, 48_000),
        ],
        rows=[
            Range(0, 2_000, 300_000),
            Range(0, 300_001, 400_000),
            Range(0, 400_500, 700_000),
            Range(0, 760_000, 990_000),
            Range(2, 0, 30_000),
            Range(2, 30_400, 48_000),
        ],
        pruned=[Range(0, 700_000, 760_000)],
        refused=[Range(0, 500_000, 500_003), Range(2, 40_000, 40_900)],
        acked=[acked],
        expired=[Range(2, 0, 9_000)],
        age=YOUNG,
        lost=2_000,
    )
    boundaries = counted(found, 700_412)
    said = (
        "range 0:[0,2000) of generation g1 acknowledged by olena@cord at 2024-05-12T09:14:03Z: the"
        " topic's first hour had test data only",
        "quarantine 22P05 acknowledged by taras@cord at 2024-05-13T17:40:11Z until"
        " 2024-08-01T00:00:00Z: NUL in descriptions, the supplier mends them (expired)",
    )
    lost = check(
        "O2",
        "the batches form one chain",
        "Kafka → objects",
        State.FAIL,
        kind=Kind.LOSS,
        missing=of_ranges([Range(0, 400_000, 400_500)]),
        message="partition 0, offsets [400000,400500) are in no object",
        hint="bictl ingest --table product --fill",
    )
    hole = check(
        "B3",
        "no offset is missing in bronze",
        "objects → bronze",
        State.FAIL,
        missing=boundaries[1].tally.missing,
        expected=f"{boundaries[1].tally.expected} records",
        actual=f"{boundaries[1].tally.accounted} rows, 60000 pruned",
        message="partition 0, offsets [300000,300001); partition 2, offsets [30000,30400) (401"
        " records) lost from bronze",
        hint="bictl load-bronze --table product --replay",
    )
    stale = check(
        "O1",
        "nothing foreign under the prefix",
        "Kafka → objects",
        State.WARN,
        extra=of_keys([f"product/raw/notes-{number}.txt" for number in range(14)]),
        message="14 objects are not bictl's and are never loaded: product/raw/notes-0.txt and more",
        hint="move them out of the prefix",
    )
    return report(
        boundaries,
        checks_that_are_well(boundaries, lost, hole, stale),
        axes=draw(found),
        latency=LATENCY,
        acknowledged=said,
        quarantined=903,
        cut=("0:1000000", "1:0", "2:48000"),
    )


def unknown():
    """Postgres does not answer: Kafka and the objects are whole, the rest is not known."""
    whole = evidence(ends=[61_443], sealed=[Range(0, 0, 61_443)], rows=[Range(0, 0, 61_443)])
    reason = "Postgres at localhost:5433 does not answer: connection refused"
    found = replace(whole, bronze=None, comparison=None, unread={"database": reason})
    boundaries = [
        counted(whole, 1)[0],
        *(
            boundary(number, None, State.UNKNOWN, hint="bictl doctor", note=reason)
            for number in (1, 2, 3)
        ),
    ]
    wrong = [
        check(
            name,
            title,
            where,
            State.UNKNOWN,
            evaluated=0,
            message=reason,
            hint="bictl doctor",
            unreachable=True,
        )
        for name, title, where in (
            ("B3", "no offset is missing in bronze", "objects → bronze"),
            ("T2", "staging shows each live key, and no other", "bronze → staging"),
            ("E1", "each key has its vector, and no other", "staging → vectors"),
        )
    ]
    return report(boundaries, checks_that_are_well(boundaries, *wrong), axes=draw(found))


def in_flight():
    found = evidence(
        ends=[61_443], sealed=[Range(0, 0, 61_440)], rows=[Range(0, 0, 61_440)], age=YOUNG
    )
    boundaries = counted(found, 47_118)
    return report(boundaries, checks_that_are_well(boundaries), axes=draw(found))


MARKUP = '"><script>document.title="owned"</script><img src=x onerror="document.title=1">'
TERMINAL = "\x1b[31mred\x07\u202egnp.exe\u2066 \ud800 [bold]not bold[/bold] &lt;&amp; '\"`"


def hostile():
    """Names, messages and hints that would like to be obeyed, and one without an end."""
    evil = MARKUP + TERMINAL
    found = evidence(ends=[10], sealed=[Range(0, 0, 4)], rows=[Range(0, 0, 4)])
    boundaries = [
        replace(item, note=evil, hint=f"bictl ingest {evil}") for item in counted(found, 4)
    ]
    wrong = check(
        "K5",
        f"title {evil}",
        "Kafka → objects",
        State.FAIL,
        message=evil + "m" * 20_000,
        expected=evil,
        actual="</style></svg>" + evil,
        missing=of_keys([evil, "k" * 10_000]),
        hint=f"bictl ingest --table '{evil}'",
    )
    unread = Evidence(cut=found.cut, unread={"shelf": evil})
    return report(
        boundaries,
        checks_that_are_well(boundaries, wrong),
        axes=(*draw(found), *draw(unread)),
        table=f"table {evil}",
        topic=f"topic.{evil}",
        run=evil,
        cut=(evil,),
        unverified=(evil,),
        acknowledged=(evil,),
        since=evil,
    )


def many():
    """Tables of every state."""
    names = ("product", "category", "manufacturer", "price_list", "warehouse_stock")
    made = (complete(), everything(), in_flight(), unknown(), broken())
    return [
        concluded(replace(one, table=name, topic=f"cord.ConcordDb.dbo.{name.title()}"))
        for name, one in zip(names, made, strict=True)
    ]


def past(*tables, evil=""):
    """Two days of runs, some of which failed."""
    ends = ["ok"] * 9 + ["fail", "ok", "ok", "warn", "ok", "unknown", "ok", "killed", "ok", "ok"]
    stages = ("ingest", "load-bronze", "transform", "embed", "verify")
    return Past(
        runs={
            table: {
                stage: tuple(_run(stage, place, age, ends, evil) for age in range(len(ends)))
                for place, stage in enumerate(stages)
            }
            for table in tables
        }
    )


def _run(stage, place, age, ends, evil):
    state = ends[(age * 7 + place * 5) % len(ends)] if age else "ok"
    began = datetime(2024, 5, 14, 11, 58, tzinfo=UTC) - timedelta(hours=age, seconds=-place * 9)
    took = timedelta(seconds=(0.9, 2.4, 14.2, 41.0, 3.2)[place] * (1 + age % 4 / 2))
    return Run(
        run_id=f"{age:08x}-0000-4000-8000-000000000000",
        stage=stage,
        tables=("product",),
        words=(),
        arguments={},
        version="0.1.0",
        host="etl-1",
        pid=4711,
        started_at=began,
        finished_at=None if state == "killed" else began + took,
        state=state,
        exit_code=None if state == "killed" else {"ok": 0, "warn": 3, "unknown": 3}.get(state, 1),
        error=f"Unreachable: Kafka does not answer {evil}" if state == "fail" else None,
        result={
            "summary": f"{stage} did its work",
            **({"percent": "100.00" if age < 9 else "99.41"} if stage == "verify" else {}),
        },
    )
