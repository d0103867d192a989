"""What was true when a verdict was judged: the systems, looked at all the while without bictl.

A verdict takes seconds, so it may be right by any of them: it contradicts the truth when it names
what was well from before its start to its end, and when it is well although something was amiss,
and too old to be in flight, from before its start until after its end.
"""

import hashlib
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from botocore.exceptions import BotoCoreError, ClientError
from cron import Start, told, verdict
from oracle import Place, Systems

EVERY = 1.5  # seconds between two looks
OUTLIVES = 20.0  # seconds that a server may take to notice that a client was killed
_RULE = b"1\x1f"  # what a content hash begins with
_HOLDER = re.compile(r" (\d+)@")
_LOADS = ("load-bronze", "run")
_LATE = ("K5", "K6")

PLACES = """
    select kafka_partition, kafka_offset from bronze.product_cdc
    union all select kafka_partition, kafka_offset from bronze.cdc_quarantine"""
TEXTS = "select product_id, name, vendor_code, description from staging_staging.stg_product"
VECTORS = "select product_id, content_hash from analytics_features.product_embeddings"
HOLDERS = """
    select distinct a.application_name from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and a.datname = current_database()"""


@dataclass(frozen=True)
class Look:
    """What one look saw, at some moment between `began` and `ended`, in seconds of the epoch."""

    began: float
    ended: float
    sealed: Mapping[int, int]  # partition to the newest batch's first offset: all below is sealed
    missing: frozenset[str]  # keys with a text and no vector
    orphans: frozenset[str]
    stale: frozenset[str]

    @property
    def unwell(self) -> frozenset[str]:
        """The keys whose vector is not as it should be."""
        return self.missing | self.orphans | self.stale


class Truth(threading.Thread):
    """Looks until it is stopped; then it judges the starts of a diary."""

    def __init__(self, systems: Systems, *, max_lag: int) -> None:
        super().__init__(daemon=True)
        self._systems, self._max_lag = systems, max_lag
        self.looks: list[Look] = []
        self._seen: dict[Place, tuple[float, float]] = {}  # not there before, there after
        self._dead: dict[str, float] = {}
        self.wrong: set[str] = set()
        self.stopped = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopped.wait(EVERY):
                with suppress(psycopg2.Error, BotoCoreError, ClientError, OSError):
                    self._look()  # or a service is down, and nothing is learned
        except BaseException as error:
            self.wrong.add(f"the looks ended: {error!r}")

    def _look(self) -> None:
        began = time.time()
        sealed = self._sealed()
        with self._systems.cursor() as cursor:
            cursor.execute(HOLDERS)
            self._check_holders({name for (name,) in cursor.fetchall()})
            cursor.execute("begin isolation level repeatable read read only")
            cursor.execute(PLACES)
            there = set(cursor.fetchall())
            cursor.execute(TEXTS)
            wanted = {str(id): _hash(texts) for id, *texts in cursor.fetchall() if _text(texts)}
            cursor.execute(VECTORS)
            stored = {str(id): bytes(hash or b"") for id, hash in cursor.fetchall()}
            cursor.execute("commit")
        ended = time.time()
        before = self.looks[-1].began if self.looks else 0.0
        self._seen |= dict.fromkeys(there - self._seen.keys(), (before, ended))
        if gone := self._seen.keys() - there:
            self.wrong.add(f"{len(gone)} records were in bronze and are not: {sorted(gone)[:3]}")
        self.looks.append(
            Look(
                began,
                ended,
                sealed,
                missing=frozenset(wanted.keys() - stored.keys()),
                orphans=frozenset(stored.keys() - wanted.keys()),
                stale=frozenset(k for k in wanted.keys() & stored.keys() if wanted[k] != stored[k]),
            )
        )

    def _sealed(self) -> dict[int, int]:
        found: dict[int, int] = {}
        pages = self._systems.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._systems.settings.s3.bucket):
            for item in page.get("Contents", []):
                if named := re.search(r"/partition=(\d+)/batch=(\d+)\.jsonl", item["Key"]):
                    part, first = map(int, named.groups())
                    found[part] = max(first, found.get(part, 0))
        return found

    def _check_holders(self, names: set[str]) -> None:
        """A lock whose holder is no process any more is free within seconds."""
        dead = {name for name in names if _is_dead(name)}
        self._dead = {name: self._dead.get(name, time.time()) for name in dead}
        for name, since in self._dead.items():
            if time.time() - since > OUTLIVES:
                self.wrong.add(f"a lock outlives its holder: {name}")

    def judge(self, starts: Iterable[Start], stamps: Mapping[Place, tuple[int, str]]) -> "Judged":
        """Each verdict against the truth; `stamps` are the topic's records, with their timestamps
        in milliseconds and their keys."""
        return Judged(list(starts), self.looks, self._seen, stamps, self._max_lag)


@dataclass(frozen=True)
class Judged:
    """The verdicts of a diary, and what was true."""

    starts: list[Start]
    looks: list[Look]
    seen: Mapping[Place, tuple[float, float]]
    stamps: Mapping[Place, tuple[int, str]]
    max_lag: int

    @property
    def verdicts(self) -> list[Start]:
        """Those that came to an end."""
        return [one for one in self.starts if one.words.startswith("verify") and not one.hit]

    @property
    def red(self) -> list[Start]:
        """Those that said that something is wrong."""
        return [one for one in self.verdicts if one.code == 1]

    @property
    def longest_lag(self) -> float:
        """Seconds from a record's timestamp until it was seen in bronze or quarantine, at most."""
        there = [self.seen[at][1] - stamp / 1000 for at, (stamp, _) in self._loaded()]
        return max(there, default=0.0)

    def _loaded(self) -> Iterator[tuple[Place, tuple[int, str]]]:
        return ((at, stamped) for at, stamped in self.stamps.items() if at in self.seen)

    def false_alarms(self) -> list[str]:
        """What red verdicts say that was not so."""
        return [f"{told(one)}: {said}" for one in self.red for said in self._untrue(one)]

    def false_calm(self) -> list[str]:
        """What verdicts without a failure should have named."""
        calm = [one for one in self.verdicts if one.code == 0]
        return [f"{told(one)}: not named: {said}" for one in calm for said in self._unnamed(one)]

    def idle_loads(self) -> list[str]:
        """Loads that ended well, and left what was sealed before they began."""
        return [
            f"{told(one)}: ended well and left {left[0]} and {len(left) - 1} more"
            for one in self.starts
            if one.words.split()[0] in _LOADS and not one.hit and one.code in (0, 3)
            for left in [self._left_by(one)]
            if left
        ]

    def _left_by(self, start: Start) -> list[Place]:
        sealed = next((k.sealed for k in reversed(self.looks) if k.ended <= start.began), {})
        return [
            at for at in sorted(self.stamps)
            if at[1] < sealed.get(at[0], 0) and self._is_absent_after(at, start.ended)
        ]  # fmt: skip

    def _untrue(self, start: Start) -> list[str]:
        failed = [check for check in verdict(start)["checks"] if check["state"] == "fail"]
        if not failed:
            return ["exit code 1 without a failed check"]
        return [f"{check['id']} {said}" for check in failed for said in self._refuted(check, start)]

    def _refuted(self, check: dict, start: Start) -> list[str]:
        if check["id"] == "B1":
            return self._late(check, start, lambda at: self._was_there(at, start.began))
        if check["id"] in _LATE:
            sealed = next((k.sealed for k in reversed(self.looks) if k.ended <= start.began), {})
            return self._late(check, start, lambda at: at[1] < sealed.get(at[0], 0))
        if check["id"] in ("E1", "E2"):
            return self._well_keys(check, start)
        if check["id"] == "T1":
            return [] if self._was_wounded(start) else ["no run of dbt had failed"]
        return [f"nothing explains it: {check['message'][:300]}"]

    def _late(self, check: dict, start: Start, is_well: Callable[[Place], bool]) -> list[str]:
        """Of the named ranges the records that were well before the start, and those ranges whose
        first record was young until the end."""
        named = [self._within(item) for item in check["missing"]["ranges"]]
        if check["id"] == "K6":
            named = [[at for at in sorted(self.stamps) if not is_well(at)]]
        wrong = [f"{at} was there" for some in named for at in some if is_well(at)][:3]
        young = [some[0] for some in named if some and self._is_young(some[0], start.ended)]
        return wrong + [f"{at} was young" for at in young[:3]]

    def _within(self, item: dict) -> list[Place]:
        part = item["partition"]
        every = ((part, offset) for offset in range(item["first"], item["next"]))
        return [at for at in every if at in self.stamps]

    def _well_keys(self, check: dict, start: Start) -> list[str]:
        near = self._near(start)
        unwell = frozenset[str]().union(*(look.unwell for look in near))
        named = {*check["missing"]["keys"], *check["extra"]["keys"]}
        newest = self._newest(before=start.began)
        loaded = {key for at, (_, key) in self._loaded() if _meets(self.seen[at], start)}
        wrong = [f"key {key} was well" for key in sorted(named - unwell - loaded)[:3]]
        young = [
            key for key in sorted(named) if newest.get(key, 0) / 1000 > self._edge(start.ended)
        ]
        return wrong + [f"key {key} was young" for key in young[:3]]

    def _was_wounded(self, start: Start) -> bool:
        """Whether the last run of dbt that ended before did not end well."""
        runs = [
            one for one in self.starts
            if one.words.split()[0] in ("transform", "run") and one.began < start.ended
        ]  # fmt: skip
        return any(one.hit or one.code not in (0, 3) for one in runs[-3:])

    def _unnamed(self, start: Start) -> list[str]:
        edge = self._edge(start.began)
        old = [at for at, (stamp, _) in self.stamps.items() if stamp / 1000 < edge]
        late = sorted(at for at in old if self._is_absent_after(at, start.ended))
        found = [f"{late[0]} and {len(late) - 1} more are not in bronze"] if late else []
        if "--quick" not in start.words and len(near := self._near(start)) > 2:
            newest = self._newest(before=float("inf"))
            unwell = frozenset.intersection(*(look.unwell for look in near))
            keys = sorted(key for key in unwell if newest.get(key, 0) / 1000 < edge)
            found += [f"the vector of key {key}" for key in keys[:3]]
        return found

    def _near(self, start: Start) -> list[Look]:
        """The looks during it, with the last one before and the first one after."""
        before = [look for look in self.looks if look.ended <= start.began][-1:]
        after = [look for look in self.looks if look.began >= start.ended][:1]
        during = [k for k in self.looks if k.ended > start.began and k.began < start.ended]
        return [*before, *during, *after]

    def _newest(self, *, before: float) -> dict[str, int]:
        """The newest timestamp of each key, of the records that were in bronze by then."""
        found: dict[str, int] = defaultdict(int)
        for at, (stamp, key) in self._loaded():
            if self.seen[at][1] <= before:
                found[key] = max(found[key], stamp)
        return found

    def _is_absent_after(self, at: Place, moment: float) -> bool:
        """Whether a look that began after the moment did not see it."""
        unseen = self.seen[at][0] if at in self.seen else self.looks[-1].began
        return unseen >= moment

    def _was_there(self, at: Place, moment: float) -> bool:
        return at in self.seen and self.seen[at][1] <= moment

    def _is_young(self, at: Place, moment: float) -> bool:
        return self.stamps[at][0] / 1000 > self._edge(moment)

    def _edge(self, moment: float) -> float:
        return moment - self.max_lag


def _meets(span: tuple[float, float], start: Start) -> bool:
    return span[0] < start.ended and span[1] > start.began


def _text(texts: Iterable[str | None]) -> str:
    """What is embedded: the columns that hold a word, joined."""
    stripped = ((text or "").strip(" \t\r\n") for text in texts)
    return ". ".join(text for text in stripped if text)


def _hash(texts: Iterable[str | None]) -> bytes:
    return hashlib.sha256(_RULE + _text(texts).encode()).digest()


def _is_dead(name: str) -> bool:
    held = _HOLDER.search(name)
    return held is not None and not Path(f"/proc/{held[1]}").exists()
