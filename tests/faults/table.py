"""The table of the catalogue, from the lines that its tests have written: `make faults`.

    python tests/faults/table.py RESULTS             for a terminal
    python tests/faults/table.py RESULTS --markdown  docs/faults.md

Exits with 1 where a fault was not seen, not named exactly or not healthy again.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

LAYERS = {
    "topics": "The topic",
    "kafka": "A real Kafka, Connect and source",
    "objects": "Objects",
    "manifests": "Manifests",
    "bronze": "Bronze and quarantine",
    "ledgers": "Ledgers, frontier objects, acknowledgements",
    "staging": "Staging",
    "vectors": "Vectors and their index",
    "bictl": "bictl and the machine",
}
_TYPED = ("bictl ", "delete from ", "update ", "alter table ", "drop index ")  # as it is typed
OTHERS = ("dbt", "counts", "reladiff")
STATES = {
    "loss": "red, exit 6",
    "fail": "red, exit 1",
    "unknown": "unknown, exit 3",
    "warn": "warn",
}
PAGE = """\
# Faults: what `bictl verify` sees, and what others see

Written by `make faults` on the embedded services and on a real Kafka, Connect and source;
do not edit. Each line is one fault: one small function (`tests/faults/faults_of_*.py`) that damages
a healthy pipeline in exactly one way. What the verdict has to say is computed from what was
produced and what was damaged, without any code of bictl's.

- **seen at**: the cheapest level whose verdict shows it. `--quick` stands on the last full verdict
  and looks only at what came since, so what it shows is a gift; the default and `--deep` promise.
- **verdict**: *red* is a failure, with exit code 6 where a record may be lost or is another one;
  *unknown* stands only where the evidence is truly gone; *warn* where nothing is lost and a person
  should still know. Red and unknown are never added up.
- **by**: the check that named exactly the damaged ranges or keys, nothing missing and nothing more.
- **repaired by**: what made the next verdict complete again. A command is the verdict's own hint.
- **dbt**, **counts**, **reladiff**: whether the same fault was seen by the project's four dbt tests
  (`dbt test`), by counting (the topic's end offsets against bronze, the source's rows against
  staging and vectors), by a key and value diff ([reladiff](https://pypi.org/project/reladiff/)) of
  source and staging, of bronze's newest records and staging, of staging and vectors. They are given
  the source's rows, which verify did not have. `-` is: not seen.

{totals}

{tables}
## What is not in the table
{rest}
"""
REST = """\
- A manifest's `cluster` and `run` and the ledger's `n_loaded` and `load_run`: a person reads them,
  no verdict stands on them. A batch that is sealed again has another run, and a replay counts anew.
- A vector of NaN: pgvector refuses it.
- What only several machines can show (a leader that was elected uncleanly) has its lines above by
  its effect: a log that ends before what was read.
"""


def main(path: str, *options: str) -> int:
    """Prints the table; the exit code."""
    results = read(Path(path))
    if "--markdown" in options:
        sys.stdout.write(markdown(results))
    else:
        sys.stdout.write(text(results))
    return 0 if all(is_good(one) for one in results) else 1


def read(path: Path) -> list[dict]:
    """The results, the last line of each fault, in the order of the flow."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = {one["name"]: one for one in map(json.loads, lines)}
    layers = list(LAYERS)
    return sorted(found.values(), key=lambda one: layers.index(one["layer"]))


def is_good(one: dict) -> bool:
    return bool(one["seen"] and one["named"] and one["green"])


def totals(results: Sequence[dict]) -> list[str]:
    """The figures."""
    size = len(results)

    def count(has) -> str:
        return f"{sum(map(bool, map(has, results)))}/{size}"

    states = {
        state: sum(one["state"] == state and one["seen"] for one in results) for state in STATES
    }
    told = f"{states['loss'] + states['fail']} red ({states['loss']} of them as loss), "
    told += f"{states['unknown']} unknown, {states['warn']} warned of"
    return [
        f"detected {count(lambda one: one['seen'])}: {told}",
        f"named exactly {count(lambda one: one['named'])}",
        f"healthy again after the repair {count(lambda one: one['green'])}",
        *(f"by {name} {count(lambda one, name=name: name in one['others'])}" for name in OTHERS),
        f"by any of those {count(lambda one: one['others'])}",
    ]


def cells(one: dict) -> list[str]:
    """One fault's line."""
    return [
        one["words"],
        one["first"] or "never",
        STATES[one["state"]] if one["seen"] else "NOT SEEN",
        ", ".join(one["named"]) or "NOT NAMED",
        "yes" if one["green"] else "NO",
        *("yes" if name in one["others"] else "-" for name in OTHERS),
    ]


HEADS = ("fault", "seen at", "verdict", "named exactly by", "green again", *OTHERS)


def text(results: Sequence[dict]) -> str:
    """For a terminal."""
    rows = [list(HEADS), *map(cells, results)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", *totals(results), ""])


def markdown(results: Sequence[dict]) -> str:
    """docs/faults.md."""
    tables = "".join(
        _table(title, [one for one in results if one["layer"] == layer])
        for layer, title in LAYERS.items()
    )
    figures = "\n".join(f"- {line}" for line in totals(results))
    return PAGE.format(totals=f"**{len(results)} faults**\n\n{figures}", tables=tables, rest=REST)


def _table(title: str, results: Sequence[dict]) -> str:
    if not results:
        return ""
    heads = (*HEADS[:4], "repaired by", *OTHERS)
    lines = [f"## {title}", "", _row(heads), _row(["---"] * len(heads))]
    for one in results:
        line = cells(one)
        line[4] = _repair(one["repair"]) if one["green"] else "NOT REPAIRED"
        lines.append(_row(line))
    return "\n".join(lines) + "\n\n"


def _repair(steps: Iterable[str]) -> str:
    return ", then ".join(
        f"`{step}`" if step.startswith(_TYPED) and ";" not in step else step for step in steps
    )


def _row(line: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in line)} |"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
