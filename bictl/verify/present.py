"""The verdict's forms that need no terminal: rows for a table, a JSON document, a Nagios line."""

from collections.abc import Sequence
from typing import Any

from bictl.counted import counted
from bictl.verify.headline import totals
from bictl.verify.report import Boundary, Check, Hop, Kind, Report, Sample, State, percent
from bictl.verify.slices import Looked

SCHEMA = "bictl.verify/1"
_IDS = 6  # unknown checks that are named in a monitor's line
_NAGIOS = {State.OK: 0, State.WARN: 1, State.FAIL: 2, State.UNKNOWN: 3}
_WORST_FIRST = (2, 3, 1, 0)
_NAGIOS_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def boundary_rows(report: Report) -> list[dict[str, Any]]:
    """One row a boundary: what is expected downstream, what has arrived, and what to do."""
    return [_boundary_row(report, item) for item in report.boundaries]


def check_rows(report: Report) -> list[dict[str, Any]]:
    """One row a check, in the order of the flow."""
    return [
        {
            "table": report.table,
            "id": check.id,
            "state": check.state.value,
            "boundary": check.boundary,
            "title": check.title,
            "evaluated": check.evaluated,
            "message": check.message,
            "hint": check.hint,
            "seconds": round(check.seconds, 3),
        }
        for check in report.checks
    ]


def as_document(report: Report) -> dict[str, Any]:
    """The JSON document without its schema's name; its fields are only ever added to."""
    tally = totals(report.boundaries)
    return {
        "run_id": report.run,
        "started_at": report.started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(report.seconds, 3),
        "table": report.table,
        "topic": report.topic,
        "level": report.level,
        "state": report.state.value,
        "complete": report.complete,
        "exit_code": report.exit_code,
        "headline": report.headline,
        "percent": percent(tally.accounted, tally.expected) if tally else None,
        "cut": list(report.cut),
        "scope": list(report.scope),
        "unverified": list(report.unverified),
        "acknowledged": list(report.acknowledged),
        "quarantined": report.quarantined,
        "expired": _sample(report.expired),
        "slice": _slice(report.slice),
        "frontiers": [
            {"generation": generation, "partition": partition, "next": frontier}
            for generation, partition, frontier in report.frontiers
        ],
        "partitions": [
            {
                "partition": item.number,
                "start": item.start,
                "end": item.end,
                "frontier": item.frontier,
                "waits": item.waits,
            }
            for item in report.partitions
        ],
        "boundaries": [_boundary(item) for item in report.boundaries],
        "latency": [_hop(item) for item in report.latency],
        "checks": [_check(item) for item in report.checks],
    }


def as_memory(report: Report) -> dict[str, Any]:
    """What the ledger of runs keeps of a verdict: small, and enough for the next quick look."""
    document = as_document(report)
    kept = ("table", "topic", "level", "state", "complete", "headline", "percent", "cut")
    counts = ("from", "to", "unit", "expected", "accounted", "in_flight", "missing", "state")
    return {
        **{key: document[key] for key in (*kept, "frontiers", "slice")},
        "bronze": report.bronze,
        "boundaries": [{key: item[key] for key in counts} for item in document["boundaries"]],
        "failed": [check.id for check in report.checks if check.state is State.FAIL],
        "unknown": [check.id for check in report.checks if check.state is State.UNKNOWN],
    }


def next_step(report: Report) -> str:
    """What to do first: what the headline is about, before the rest of what is amiss; "" where
    nothing is to be done."""
    checks, boundaries = report.checks, report.boundaries
    hints = [one.hint for one in checks if one.state is State.FAIL and one.kind is Kind.LOSS]
    hints += [item.hint for item in boundaries if item.state is report.state]
    hints += [check.hint for check in checks if check.state is report.state]
    hints += [item.hint for item in boundaries] + [check.hint for check in checks]
    return next((hint for hint in hints if hint), "")


def nagios_code(reports: Sequence[Report]) -> int:
    """0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: critical before unknown before warning."""
    codes = [_nagios_code(report) for report in reports]
    return next((code for code in _WORST_FIRST if code in codes), 3)


def nagios_text(reports: Sequence[Report]) -> str:
    """A plugin's output: status and headline, performance data, the failed checks below. Of several
    tables the worst stands first: a monitor may show but the beginning.

    https://nagios-plugins.org/doc/guidelines.html#AEN33, section 2.1 and 2.6
    """
    reports = sorted(reports, key=lambda report: _WORST_FIRST.index(_nagios_code(report)))
    word = _NAGIOS_WORDS[nagios_code(reports)]
    said = "; ".join(_in_brief(report, reports) for report in reports)
    data = " ".join(item for report in reports for item in _performance(report, reports))
    lines = [f"BICTL {word} - {_plain(said or 'nothing was verified')} | {data}"]
    for report in reports:
        lines += [_plain(line) for line in _amiss(report, several=len(reports) > 1)]
    return "\n".join(lines) + "\n"


def _in_brief(report: Report, reports: Sequence[Report]) -> str:
    """The headline; a word for a table that is not among the worst of several."""
    if len(reports) == 1:
        return report.headline
    is_worst = _nagios_code(report) == nagios_code(reports)
    word = _NAGIOS_WORDS[_nagios_code(report)].lower()
    return f"{report.table}: {report.headline if is_worst else word}"


def _amiss(report: Report, *, several: bool) -> list[str]:
    """A line for each check that is not well, and one for all that are unknown."""
    table = f"{report.table} " if several else ""
    known = [check for check in report.checks if check.state in (State.FAIL, State.WARN)]
    lines = [
        f"{table}{check.id} {check.state.value}: {check.message} -> {check.hint or 'look'}"
        for check in known
    ]
    if unknown := [check for check in report.checks if check.state is State.UNKNOWN]:
        first = unknown[0]
        ids = ", ".join(check.id for check in unknown[:_IDS])
        more = f" and {len(unknown) - _IDS} more" if len(unknown) > _IDS else ""
        lines.append(
            f"{table}{counted(len(unknown), 'check')} unknown ({ids}{more}): {first.message}"
            f" -> {first.hint or 'look'}"
        )
    return lines


def _boundary_row(report: Report, item: Boundary) -> dict[str, Any]:
    tally = item.tally
    waiting = item.state is State.OK and tally is not None and tally.in_flight
    return {
        "table": report.table,
        "boundary": item.name,
        "unit": tally.unit if tally else "",
        "expected": tally.expected if tally else None,
        "accounted": tally.accounted if tally else None,
        "missing": tally.missing.total if tally else None,
        "extra": tally.extra.total if tally else None,
        "in_flight": tally.in_flight if tally else None,
        "percent": percent(tally.accounted, tally.expected) if tally and tally.expected else None,
        "state": "in flight" if waiting else item.state.value,
        "note": item.note,
        "hint": item.hint,
    }


def _boundary(item: Boundary) -> dict[str, Any]:
    tally = item.tally
    return {
        "from": item.upstream.lower(),
        "to": item.downstream.lower(),
        "unit": tally.unit if tally else None,
        "expected": tally.expected if tally else None,
        "accounted": tally.accounted if tally else None,
        "in_flight": tally.in_flight if tally else None,
        "pruned": tally.pruned if tally else None,
        "at_most": tally.at_most if tally else None,
        "missing": tally.missing.total if tally else None,
        "extra": tally.extra.total if tally else None,
        "missing_sample": _sample(tally.missing) if tally else None,
        "extra_sample": _sample(tally.extra) if tally else None,
        "complete": tally is not None and tally.whole and item.state is not State.UNKNOWN,
        "state": item.state.value,
        "note": item.note,
        "hint": item.hint,
    }


def _hop(hop: Hop) -> dict[str, Any]:
    upstream, downstream = hop.name.lower().split(" → ")
    return {
        "from": upstream,
        "to": downstream,
        "records": hop.records,
        "p50": round(hop.p50, 3),
        "p95": round(hop.p95, 3),
        "max": round(hop.longest, 3),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "title": check.title,
        "boundary": check.boundary,
        "state": check.state.value,
        "kind": check.kind.value,
        "evaluated": check.evaluated,
        "expected": check.expected,
        "actual": check.actual,
        "missing": _sample(check.missing),
        "extra": _sample(check.extra),
        "message": check.message,
        "cut": check.cut,
        "seconds": round(check.seconds, 3),
        "hint": check.hint,
    }


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "count": sample.total,
        "at_most": sample.at_most,
        "ranges": [
            {"partition": item.partition, "first": item.first, "next": item.next}
            for item in sample.ranges
        ],
        "keys": list(sample.keys),
    }


def _slice(part: Looked | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {
        "part": part.slice.part,
        "parts": part.slice.parts,
        "batches": part.batches,
        "of_batches": part.of_batches,
        "records": part.records,
        "of_records": part.of_records,
    }


def _nagios_code(report: Report) -> int:
    return _NAGIOS[report.state]


def _performance(report: Report, reports: Sequence[Report]) -> list[str]:
    """`label=value;warn;crit;min;max`; what could not be counted is `U`."""
    prefix = f"{report.table}_" if len(reports) > 1 else ""
    tally = totals(report.boundaries)
    values: list[tuple[str, str]] = [
        ("expected", str(tally.expected) if tally else "U"),
        ("accounted", str(tally.accounted) if tally else "U"),
    ]
    for item in report.boundaries:
        missing = str(item.tally.missing.total) if item.tally else "U"
        values.append((f"missing_{item.upstream}_{item.downstream}".lower(), missing))
    unknown = sum(check.state is State.UNKNOWN for check in report.checks)
    values += [("unknown_checks", str(unknown)), ("time", f"{report.seconds:.3f}s")]
    return [f"{prefix}{label}={value};;;0" for label, value in values]


def _plain(text: str) -> str:
    """One line without the character that starts performance data."""
    return " ".join(text.replace("|", "/").split())
