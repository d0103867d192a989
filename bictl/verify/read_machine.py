"""Looking around: rooms, clocks, ends of certificates and passwords, runs, locks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bictl import assets
from bictl.clients.certificates import expiry_of, expiry_of_file
from bictl.ops.clock import skew
from bictl.ops.room import of_bytes, room
from bictl.verify.machine import Expiry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topic_facts import Log
    from bictl.ops.answer import Answer
    from bictl.ops.ledger import Last
    from bictl.ops.locks import Holder
    from bictl.settings import Table
    from bictl.verify.surroundings import Surroundings

_PATIENCE = 5.0  # seconds that a server has for its certificate
_LOCKED = ("load-bronze", "transform", "embed", "quarantine-retry", "prune")
_RENEW = "renew it, and have the server read the new one"


def read_rooms(
    database: "Database", around: "Surroundings", logs: "Mapping[int, Log]"
) -> "dict[str, Answer]":
    """The free room on the disks that this machine, or a broker, tells of."""
    found: dict[str, Answer] = {}
    if around.state_dir is not None:
        found["state directory"] = room(
            around.state_dir, use="locks, dbt's target and logs are there"
        )
    [(*_, directory)] = database.rows(assets.sql("doctor/who"), [[]])
    if around.is_local and directory is not None:
        found["Postgres"] = room(Path(directory), use="Postgres keeps its data there")
    for log in logs.values():
        if log.free is not None:
            found[f"Kafka, {log.where}"] = of_bytes(
                log.free, where="there", use="Kafka keeps its records there"
            )
    return found


def read_clocks(database: "Database", objects: "ObjectStore") -> "dict[str, Answer]":
    """How far the services' clocks are from this machine's. Kafka tells none."""
    return {
        "Postgres's clock": skew(lambda: database.value("select clock_timestamp()")),
        "the object store's clock": skew(objects.clock, resolution=1.0),
    }


def read_expiries(database: "Database", around: "Surroundings") -> tuple[Expiry, ...]:
    """The ends of the certificates that are shown, of our own, and of the role's password."""
    return tuple(_expiries(database, around))


def _expiries(database: "Database", around: "Surroundings") -> Iterator[Expiry]:
    for endpoint in around.endpoints:
        end = expiry_of(endpoint, timeout=_PATIENCE)
        yield Expiry(what=f"the certificate of {endpoint}", end=end, renew=_RENEW)
    for path in around.certificates:
        yield Expiry(what=f"a certificate in {path}", end=expiry_of_file(path), renew="renew it")
    yield Expiry(
        what="the password of Postgres's role",
        end=database.value(assets.sql("verify/password_expiry")),
        renew="alter role … password … valid until …, then correct [postgres] password_file",
    )


def read_last(database: "Database", table: "Table") -> "tuple[Last, ...]":
    """The last success of each stage that the table has; those that never ran stand there too."""
    from bictl.ops.ledger import STAGES, last

    stages = [
        name for name in STAGES if name != "verify" and (name != "embed" or bool(table.embed))
    ]
    return tuple(last(database, stages=stages, tables=[table.name], always=stages))


def read_locks(database: "Database", around: "Surroundings", table: "Table") -> "dict[str, Holder]":
    """Who holds the table's locks."""
    from bictl.ops.locks import holders

    return holders(
        database, state_dir=around.state_dir, topic=table.topic, stages=_LOCKED, table=table.name
    )
