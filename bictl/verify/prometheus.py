"""The verdict in Prometheus' text exposition format: gauges, for a textfile collector.

Names end in their unit and never change; what could not be counted has no sample, so that a rule
sees it as absent and not as zero. The run's id is no label: it would make a new series of each run.
https://prometheus.io/docs/instrumenting/exposition_formats/ and …/practices/naming/
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl import __version__
from bictl.verify.headline import least_share
from bictl.verify.report import Boundary, Report, State, Tally

if TYPE_CHECKING:
    from bictl.ops.ledger import Last

Number = int | float
Labels = Mapping[str, str]
Sample = tuple[Labels, Number]
UNITS = ("records", "keys")


@dataclass(frozen=True)
class Family:
    """One metric: its name, what it says, and its samples of one report."""

    name: str
    help: str
    samples: Callable[[Report], Iterator[Sample]]


def prometheus_text(reports: Sequence[Report], last: "Sequence[Last]" = ()) -> str:
    """Every family with the samples of all tables; one that has no sample is left out. `last` is
    each stage's last success, as far as the ledger of runs could be read."""
    lines: list[str] = []
    for family in FAMILIES:
        lines += _family(
            family.name, family.help, [s for one in reports for s in family.samples(one)]
        )
    lines += _family(
        "bictl_stage_last_success_timestamp_seconds",
        "When the last run of a stage that succeeded began.",
        [
            ({"table": one.table, "stage": one.stage}, one.at.timestamp())
            for one in last
            if one.at is not None
        ],
    )
    return "".join(f"{line}\n" for line in lines)


def _family(name: str, words: str, samples: Sequence[Sample]) -> list[str]:
    if not samples:
        return []
    head = [f"# HELP {name} {_escaped(words)}", f"# TYPE {name} gauge"]
    return head + [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]


def _labels(labels: Labels) -> str:
    quoted = (f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return f"{{{','.join(quoted)}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    """A label's value; halves of pairs have no UTF-8."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return _escaped(whole).replace('"', '\\"')


def _number(value: Number) -> str:
    return str(value) if isinstance(value, int) else repr(round(value, 6))


def _info(report: Report) -> Iterator[Sample]:
    yield (
        {
            "table": report.table,
            "topic": report.topic,
            "level": report.level,
            "unverified": ", ".join(report.unverified),
            "version": __version__,
        },
        1,
    )


def _states(labels: Labels, found: State) -> Iterator[Sample]:
    """One sample a state, 1 for the one that it is: what is unknown is not just absent."""
    for state in State:
        yield {**labels, "state": state.value}, int(state is found)


def _one(value: Callable[[Report], Number | None]) -> Callable[[Report], Iterator[Sample]]:
    """The samples of a metric that a table has one of, or none."""

    def samples(report: Report) -> Iterator[Sample]:
        found = value(report)
        if found is not None:
            yield {"table": report.table}, found

    return samples


def _ratio(report: Report) -> Number | None:
    """1 only where the integers are equal, else less: floored to what six digits can say."""
    least = least_share(report.boundaries)
    return None if least is None else least[0] * 1_000_000 // least[1] / 1_000_000


def _checks(report: Report) -> Iterator[Sample]:
    for check in report.checks:
        labels = {"table": report.table, "check": check.id, "boundary": ascii_flow(check.boundary)}
        yield from _states(labels, check.state)


def _of_checks(
    value: Callable[..., Number],
) -> Callable[[Report], Iterator[Sample]]:
    def samples(report: Report) -> Iterator[Sample]:
        for check in report.checks:
            yield {"table": report.table, "check": check.id}, value(check)

    return samples


def _boundaries(report: Report) -> Iterator[Sample]:
    for item in report.boundaries:
        yield from _states(_ends(report, item), item.state)


def _counts(unit: str, value: Callable[[Tally], int]) -> Callable[[Report], Iterator[Sample]]:
    """The samples of one count, of the boundaries that count in that unit."""

    def samples(report: Report) -> Iterator[Sample]:
        for item in report.boundaries:
            if item.tally is not None and item.tally.unit == unit:
                yield _ends(report, item), value(item.tally)

    return samples


def _ends(report: Report, item: Boundary) -> Labels:
    return {"table": report.table, "from": item.upstream.lower(), "to": item.downstream.lower()}


def ascii_flow(boundary: str) -> str:
    """`kafka_objects`: a boundary's name as a label that anybody can type."""
    return boundary.lower().replace(" → ", "_")


def _partitions(field: str) -> Callable[[Report], Iterator[Sample]]:
    def samples(report: Report) -> Iterator[Sample]:
        for item in report.partitions:
            value = getattr(item, field)
            if value is not None:
                yield {"table": report.table, "partition": str(item.number)}, value

    return samples


def _latency(report: Report) -> Iterator[Sample]:
    for hop in report.latency:
        labels = {"table": report.table, "hop": ascii_flow(hop.name)}
        for percentile, seconds in (("50", hop.p50), ("95", hop.p95), ("100", hop.longest)):
            yield {**labels, "percentile": percentile}, float(seconds)


_COUNTS: Mapping[str, tuple[str, Callable[[Tally], int]]] = {
    "expected": ("that must be downstream of the boundary", lambda tally: tally.expected),
    "accounted": ("of the expected that are there", lambda tally: tally.accounted),
    "in_flight": ("of the expected that are younger than max_lag", lambda tally: tally.in_flight),
    "missing": ("that are not there and not in flight", lambda tally: tally.missing.total),
    "extra": ("that are there and in no system upstream", lambda tally: tally.extra.total),
    "pruned": ("of the accounted that newer ones replaced", lambda tally: tally.pruned),
}

FAMILIES: tuple[Family, ...] = (
    Family("bictl_verify_info", "What was verified, by which version.", _info),
    Family(
        "bictl_verify_state",
        "The verdict: 1 for the state that it is.",
        lambda report: _states({"table": report.table}, report.state),
    ),
    Family(
        "bictl_verify_complete",
        "1 where every boundary in scope is whole and nothing is in flight.",
        _one(lambda report: int(report.complete)),
    ),
    Family(
        "bictl_verify_exit_code",
        "The exit code that the verdict alone would give.",
        _one(lambda report: report.exit_code),
    ),
    Family(
        "bictl_verify_accounted_ratio",
        "The smallest share accounted for of any boundary, floored; absent where one is unknown.",
        _one(_ratio),
    ),
    Family(
        "bictl_verify_start_timestamp_seconds",
        "When this verdict began; alert on its age.",
        _one(lambda report: report.started.timestamp()),
    ),
    Family(
        "bictl_verify_duration_seconds",
        "How long this verdict took.",
        _one(lambda report: float(report.seconds)),
    ),
    Family("bictl_verify_check_state", "One check: 1 for the state that it is.", _checks),
    Family(
        "bictl_verify_check_evaluated",
        "What one check looked at, in things of its own kind.",
        _of_checks(lambda check: check.evaluated),
    ),
    Family(
        "bictl_verify_check_missing",
        "What one check misses, in things of its own kind.",
        _of_checks(lambda check: check.missing.total),
    ),
    Family(
        "bictl_verify_check_extra",
        "What one check found too much, in things of its own kind.",
        _of_checks(lambda check: check.extra.total),
    ),
    Family(
        "bictl_verify_check_duration_seconds",
        "How long one check took, with what it read first.",
        _of_checks(lambda check: float(check.seconds)),
    ),
    Family("bictl_verify_boundary_state", "One boundary: 1 for the state that it is.", _boundaries),
    *(
        Family(
            f"bictl_verify_boundary_{name}_{unit}", f"{unit.title()} {words}.", _counts(unit, count)
        )
        for unit in UNITS
        for name, (words, count) in _COUNTS.items()
        if (unit, name) != ("keys", "pruned")
    ),
    Family(
        "bictl_verify_quarantined_records",
        "Records in quarantine, accounted for and not in bronze.",
        _one(lambda report: report.quarantined),
    ),
    Family(
        "bictl_verify_accepted_loss_records",
        "Offsets that a person acknowledged as lost.",
        _one(lambda report: report.accepted_loss.total),
    ),
    Family(
        "bictl_verify_expired_records",
        "Records whose objects a lifecycle rule took, and bronze holds.",
        _one(lambda report: report.expired.total),
    ),
    Family(
        "bictl_verify_latency_seconds",
        "How long the last day's records took from layer to layer.",
        _latency,
    ),
    Family(
        "bictl_verify_partition_start_offset",
        "The first offset that Kafka still has.",
        _partitions("start"),
    ),
    Family(
        "bictl_verify_partition_end_offset",
        "The offset behind the last committed record.",
        _partitions("end"),
    ),
    Family(
        "bictl_verify_partition_frontier_offset",
        "The next offset to read; absent before the first batch.",
        _partitions("frontier"),
    ),
    Family(
        "bictl_verify_partition_oldest_waiting_seconds",
        "The age of the oldest record above the frontier; absent where none waits.",
        _partitions("waits"),
    ),
)
