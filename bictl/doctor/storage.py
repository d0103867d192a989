"""The object store: the bucket, and the one promise that everything rests on: PUT only if new."""

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from bictl.doctor.probe import Answer, Probe
from bictl.errors import AccessDenied, BictlError, StageFailed
from bictl.ops.clock import skew
from bictl.records import state_prefix

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.clients.objects import ObjectStore
    from bictl.settings import Table

RACERS = 8
_OTHER_STORE = "use a store that does, e.g. AWS S3, MinIO, SeaweedFS from 4.48 on"


def objects(clients: "Clients") -> Generator[Probe, None, None]:
    """The bucket, the store's clock, and what becomes of one object under bictl's own prefix.

    The object is removed at the end, also where a probe failed.
    """
    store = clients.objects
    prefix = state_prefix(next(iter(clients.settings.tables.values())).prefix)
    key, winners = f"{prefix}doctor/{uuid4()}", list[int]()
    yield Probe("bucket", lambda: _bucket(store), door=True)
    yield Probe("clock", lambda: skew(store.clock, resolution=1.0))
    for table in clients.settings.tables.values():
        yield Probe(f"expiry of {table.prefix}", partial(expiry, store, table))
    try:
        yield Probe("conditional PUT", lambda: _race(store, key, winners))
        if winners:
            yield Probe("bytes and metadata", lambda: _kept(store, key, winners))
            yield Probe("repeated PUT", lambda: _repeat(store, key))
            yield Probe("listing", lambda: _listed(store, key))
        yield Probe("probe object", lambda: _remove(store, key))
    finally:
        with suppress(BictlError):
            store.delete(key)


def _bucket(store: "ObjectStore") -> Answer:
    store.check()
    if store.in_clear:
        hint = "use an https endpoint_url"
        return Answer("warn", f"{store.bucket}; objects travel unencrypted", hint)
    return Answer("ok", store.bucket)


def expiry(store: "ObjectStore", table: "Table") -> Answer:
    """What deletes the table's raw objects after some days, and whether it spares bictl's own."""
    kept, declared = state_prefix(table.prefix), table.expire_after_days
    said = [f"expire_after_days = {declared} in the configuration"] if declared else []
    try:
        rules = store.expiries()
    except (AccessDenied, StageFailed) as error:
        text = f"{', '.join(said) or 'not known'}; {error.message}"
        hint = f"where a rule deletes raw objects: expire_after_days in [tables.{table.name}]"
        return Answer("ok" if declared else "skipped", text, None if declared else hint)
    wide = [rule for rule in rules if rule.touches(kept)]
    if wide:
        return Answer(
            "warn",
            f"{wide[0].words} covers {kept} too: it deletes the frontier objects and the"
            " acknowledgements, so that a quiet partition loses its frontier and what a person"
            " accepted as lost is missed again",
            f"limit the rule to {table.prefix}; every rule has to leave out {kept}",
        )
    said += [rule.words for rule in rules if rule.touches(table.prefix)]
    text = f"{', '.join(said)}; {kept} is kept" if said else "no rule deletes raw objects"
    return Answer("ok", text)


def _race(store: "ObjectStore", key: str, winners: list[int]) -> Answer:
    """Exactly one of several PUTs at once may win."""
    winners += race(store, key)
    if len(winners) > 1:
        return Answer(
            "fail",
            f"{len(winners)} of {RACERS} racing PUTs of one new key succeeded: "
            "the store does not honour If-None-Match, so a batch may be overwritten",
            _OTHER_STORE,
        )
    if not winners:
        hint = "run doctor again; the answer of the winner may have been lost"
        return Answer("unknown", f"none of {RACERS} racing PUTs of one new key succeeded", hint)
    return Answer("ok", f"exactly 1 of {RACERS} racing PUTs of one new key succeeded")


def race(store: "ObjectStore", key: str) -> list[int]:
    """The numbers of those racers whose PUT succeeded."""
    start = threading.Barrier(RACERS)

    def put(number: int) -> bool:
        start.wait()
        return store.put_new(key, _body(number), metadata={"bictl-probe": str(number)})

    with ThreadPoolExecutor(RACERS) as pool:
        return [number for number, won in enumerate(pool.map(put, range(RACERS))) if won]


def _repeat(store: "ObjectStore", key: str) -> Answer:
    """What a writer does whose answer was lost: the same PUT again, and then it reads."""
    if store.put_new(key, b"bictl doctor, again\n", metadata={}):
        return Answer(
            "fail",
            "a PUT with If-None-Match replaced an object that was there: a batch may be "
            "overwritten",
            _OTHER_STORE,
        )
    return Answer("ok", "a second PUT of the key is refused")


def _kept(store: "ObjectStore", key: str, winners: list[int]) -> Answer:
    """A GET and a HEAD give what was put: the bytes, and the manifest's place."""
    body, metadata = store.get(key)
    info, headed = store.head(key)
    if body not in map(_body, winners) or info.size != len(body):
        text = "the object is not what the winning PUT wrote"
        return Answer("fail", text, "look for a proxy or a gateway that changes bodies")
    if not {metadata.get("bictl-probe"), headed.get("bictl-probe")} <= set(map(str, winners)):
        return Answer(
            "fail",
            "the object's user metadata was lost",
            "manifests travel as user metadata: use a store that keeps it",
        )
    return Answer("ok", "a GET gives back what was put")


def _listed(store: "ObjectStore", key: str) -> Answer:
    """A listing shows at once what was put."""
    if key in {info.key for info in store.list(key)}:
        return Answer("ok", "an object is listed as soon as it is put")
    return Answer(
        "warn",
        "an object that was just put is not listed: listings come late",
        "ingest finds its own batches all the same; load-bronze and verify may see them later",
    )


def _body(number: int) -> bytes:
    return b"bictl doctor, racer %d\n" % number


def _remove(store: "ObjectStore", key: str) -> Answer:
    try:
        store.delete(key)
    except BictlError:
        with suppress(BictlError):
            store.head(key)
            text = f"{key} stays: these credentials may not delete, as it should be for ingest"
            return Answer("ok", text)
        return Answer("ok", "none was written")
    return Answer("ok", "removed")
