"""The object store: the bucket, and the one promise that everything rests on: PUT only if new."""

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from bictl.doctor.clock import skew
from bictl.doctor.probe import Answer, Probe
from bictl.errors import BictlError

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.clients.objects import ObjectStore

RACERS = 8


def objects(clients: "Clients") -> Generator[Probe, None, None]:
    """The bucket, the store's clock, the race of conditional PUTs under the first table's prefix.

    The probe object is removed at the end, also where a probe failed.
    """
    store = clients.objects
    key = f"{next(iter(clients.settings.tables.values())).prefix}doctor/{uuid4()}"
    yield Probe("bucket", lambda: _bucket(store), door=True)
    yield Probe("clock", lambda: skew(store.clock, resolution=1.0))
    try:
        yield Probe("conditional PUT", lambda: _race(store, key))
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


def _race(store: "ObjectStore", key: str) -> Answer:
    """Exactly one of several PUTs at once may win, and what it wrote is what is there."""
    winners = race(store, key)
    if len(winners) > 1:
        return Answer(
            "fail",
            f"{len(winners)} of {RACERS} racing PUTs of one new key succeeded: "
            "the store does not honour If-None-Match, so a batch may be overwritten",
            "use a store that does, e.g. AWS S3, MinIO, SeaweedFS from 4.48 on",
        )
    if not winners:
        hint = "run doctor again; the answer of the winner may have been lost"
        return Answer("unknown", f"none of {RACERS} racing PUTs of one new key succeeded", hint)
    body, metadata = store.get(key)
    if body != _body(winners[0]) or metadata.get("bictl-probe") != str(winners[0]):
        return Answer(
            "fail",
            "the object is not what the winning PUT wrote, or its metadata was lost",
            "manifests travel as user metadata: use a store that keeps it",
        )
    return Answer("ok", f"exactly 1 of {RACERS} racing PUTs of one new key succeeded")


def race(store: "ObjectStore", key: str) -> list[int]:
    """The numbers of those racers whose PUT succeeded."""
    start = threading.Barrier(RACERS)

    def put(number: int) -> bool:
        start.wait()
        return store.put_new(key, _body(number), metadata={"bictl-probe": str(number)})

    with ThreadPoolExecutor(RACERS) as pool:
        return [number for number, won in enumerate(pool.map(put, range(RACERS))) if won]


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
