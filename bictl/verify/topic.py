"""The topic as its brokers keep it: what may be lost soon, what is held back, what was committed.

Everything here is a pure function; a broker that tells nothing of these things leaves nothing to
judge, which is no fault.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bictl.bronze.prepare import MAX_RECORD_BYTES
from bictl.ingest.keeping import Keeping, left, span
from bictl.records import Range
from bictl.verify.cut import Cut, Part
from bictl.verify.ranges import in_words
from bictl.verify.report import Finding, State, of_ranges, passed

if TYPE_CHECKING:
    from bictl.clients.topic_facts import Log, OpenTransaction, Replication
    from bictl.settings import Table

TRANSACTION_LIMIT = 900_000  # milliseconds: Kafka's default of transaction.max.timeout.ms
_DAY = 86_400.0
_STATES = {"ok": State.OK, "warn": State.WARN, "fail": State.FAIL}
_NOT_TOLD = "the broker does not tell its topics' settings"


def committed(cut: Cut, commits: Mapping[int, int], *, group: str, table: "Table") -> Finding:
    """K3: what was committed for lag monitors is sealed. `commits` were read before the objects."""
    if not cut.life.accepted:
        return passed(1, "the topic is another one than was read")
    above = [
        Range(part.partition, part.frontier or 0, position)
        for part in cut.parts
        if (position := commits.get(part.partition, 0)) > (part.frontier or 0)
    ]
    if not above:
        return passed(max(1, len(commits)), "" if commits else f"group {group} committed nothing")
    return Finding(
        state=State.FAIL,
        evaluated=len(commits),
        extra=of_ranges(above, at_most=True),
        expected="at most the frontier " + ", ".join(_at(part) for part in cut.parts),
        actual=", ".join(f"{part}:{position}" for part, position in sorted(commits.items())),
        message=f"group {group} has committed {in_words(above)}, which no object holds: objects are"
        " gone, or something else commits for that group",
        hint=f"bictl ingest --table {table.name}; a group of another program needs another name in"
        " [kafka] group",
    )


def headroom(
    cut: Cut,
    keeping: Keeping | None,
    logs: "Callable[[], Mapping[int, Log]]",
    *,
    every: int,
    table: "Table",
) -> Finding:
    """K7: what is not ingested yet stays in Kafka for a while. `every` is between two runs in
    seconds, 0 where nobody said it; `logs` is asked where the topic is kept by its size."""
    if keeping is None:
        return passed(1, _NOT_TOLD)
    ages = [age for part in cut.parts if (age := cut.age(part)) is not None]
    sizes = logs() if keeping.size is not None else {}
    worst, said = State.OK, []
    if keeping.seconds is not None and ages:
        worst = _STATES[left(keeping.seconds, max(ages), every=every)]
        said.append(
            f"kept for {span(keeping.seconds)}, the oldest record that is not ingested is"
            f" {span(max(0, *ages))} old"
        )
    for part in cut.parts:
        if keeping.size is None or part.partition not in sizes or not part.waiting:
            continue
        unread = _unread_bytes(part, sizes[part.partition].size)
        state = _STATES[left(keeping.size, unread)]
        worst = max(worst, state, key=_BY_HARM.index)
        said.append(
            f"partition {part.partition} keeps {keeping.size} bytes, {unread} are not ingested"
        )
    if worst is State.OK:
        return passed(len(cut.parts), "; ".join(said) or "nothing waits")
    return Finding(
        state=worst,
        evaluated=len(cut.parts),
        extra=of_ranges(part.waiting for part in cut.parts),
        expected="a quarter of what the topic keeps left" + (", or three runs" if every else ""),
        actual="; ".join(said),
        message=f"Kafka will soon discard what is not ingested: {'; '.join(said)}",
        hint=f"bictl ingest --table {table.name}, and more often; or raise the topic's"
        f" {'retention.bytes' if len(said) > 1 or not ages else 'retention.ms'}",
    )


_BY_HARM = (State.OK, State.WARN, State.FAIL)


def _unread_bytes(part: Part, size: int) -> int:
    """Of the partition's log what is not ingested, by its share of the offsets."""
    whole = max(1, part.high - part.start)
    return size * len(part.waiting) // whole


def open_transactions(
    cut: Cut,
    found: "Callable[[], tuple[OpenTransaction, ...] | None]",
    *,
    limit: Callable[[], int | None],
    max_lag: int,
    table: "Table",
) -> Finding:
    """K8: no transaction holds records back for long. `found` and `limit` (milliseconds) are asked
    where something is held back; past the limit the coordinator has forgotten it: it hangs. Its
    age is the coordinator's, and its newest record's where that knows nothing of it."""
    held = [
        Range(part.partition, part.end, part.high) for part in cut.parts if part.high > part.end
    ]
    if not held:
        return passed(len(cut.parts))
    sample = of_ranges(held, at_most=True)
    several = found()
    if not several:
        said = f"{in_words(held)} are behind an open transaction"
        return passed(len(cut.parts), said)
    oldest = min(several, key=_since)
    age = cut.at.timestamp() - _since(oldest) / 1000
    lasts = span(max(0.0, age))
    known = f"its last record is {lasts} old" if oldest.began is None else f"begun {lasts} ago"
    said = (
        f"a transaction of producer {oldest.producer} is open at"
        f" {oldest.partition}:{oldest.first}, {known}:"
        f" {in_words(held)} ({sample.of('record')}) cannot be read"
    )
    if age <= max_lag:
        return passed(len(cut.parts), said)
    hangs = age > max(max_lag, (limit() or TRANSACTION_LIMIT) / 1000)
    return Finding(
        state=State.FAIL if hangs else State.WARN,
        evaluated=len(cut.parts),
        missing=sample,
        expected="no transaction older than its timeout",
        actual=lasts,
        message=said,
        hint="kafka-transactions.sh --bootstrap-server … abort --topic"
        f" {table.topic} --partition {oldest.partition} --start-offset {oldest.first}",
    )


def _since(one: "OpenTransaction") -> int:
    """Since when it is open, in milliseconds; a producer sets its records' timestamps as it likes,
    so the coordinator's clock is better where it knows."""
    return one.last if one.began is None else one.began


def settings(
    keeping: Keeping | None,
    replication: "Callable[[], Replication]",
    *,
    unread: int,
    table: "Table",
) -> Finding:
    """K9: the topic's settings lose nothing by themselves. `unread` is for how many seconds a
    record may wait until it is read."""
    if keeping is None:
        return passed(1, _NOT_TOLD)
    found = [*_kept(keeping, unread), *_replicated(keeping, replication())]
    if not found:
        return passed(1, f"cleanup.policy {keeping.policy}")
    return Finding(
        state=State.WARN,
        evaluated=1,
        expected="; ".join(wanted for _, wanted in found),
        actual=", ".join(words for words, _ in found),
        message="; ".join(words for words, _ in found),
        hint=f"kafka-configs.sh --bootstrap-server … --alter --topic {table.topic} --add-config"
        f" {','.join(wanted for _, wanted in found)}",
    )


def _kept(keeping: Keeping, unread: int) -> list[tuple[str, str]]:
    """(what is wrong, the setting that is right) of how the topic keeps records."""
    found = []
    if "compact" in keeping.policy:
        waits = int(keeping.settings.get("min.compaction.lag.ms", 0)) / 1000
        if waits < unread:
            found.append(
                (
                    f"compaction may remove records {span(waits)} after they were written, unread",
                    f"min.compaction.lag.ms={unread * 1000}",
                )
            )
    if keeping.seconds is not None and keeping.seconds < _DAY:
        found.append(
            (f"records are kept for {span(keeping.seconds)} only", "retention.ms=86400000")
        )
    if (keeping.largest or 0) > MAX_RECORD_BYTES:
        found.append(
            (
                f"records of up to {keeping.largest} bytes are allowed, bronze takes"
                f" {MAX_RECORD_BYTES}",
                f"max.message.bytes={MAX_RECORD_BYTES}",
            )
        )
    return found


def _replicated(keeping: Keeping, replication: "Replication") -> list[tuple[str, str]]:
    """The same of its replicas; one broker alone can have but one."""
    if replication.brokers < 2:
        return []
    found = []
    if keeping.settings.get("unclean.leader.election.enable") == "true":
        found.append(
            (
                "a replica that lags behind may become the leader: what it lacks is lost",
                "unclean.leader.election.enable=false",
            )
        )
    fewest = min(replication.replicas.values(), default=1)
    least = int(keeping.settings.get("min.insync.replicas", 1))
    if fewest >= 3 and least < 2:
        found.append(
            (f"a write is taken by {least} of {fewest} replicas alone", "min.insync.replicas=2")
        )
    return found


def _at(part: Part) -> str:
    return f"{part.partition}:{part.frontier or 0}"
