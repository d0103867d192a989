"""The table of the catalogue, from the lines that its tests have written: `make faults`.

    python tests/faults/table.py RESULTS             for a terminal
    python tests/faults/table.py RESULTS --markdown  docs/faults.md

Exits with 1 where a fault was not seen, not named exactly or not healthy again, where an alarm was
false, and where something that was to be looked at has no line.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE / "healthy"), str(HERE.parent), str(HERE.parent / "jvm")]

import results as by_chance  # noqa: E402
from catalogue import faults  # noqa: E402

from bictl.verify.checks import CHECKS  # noqa: E402

LAYERS = {
    "topics": "The topic",
    "kafka": "A real Kafka",
    "connect": "The connector",
    "source": "A live source",
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
- **repaired by**: what made the next verdict complete again. `bictl repair` where that is safe;
  the plain commands that do the same are the verdict's own hints. All else is a person's.
- **dbt**, **counts**, **reladiff**: whether the same fault was seen by the project's four dbt tests
  (`dbt test`), by counting (the topic's end offsets against bronze, the source's rows against
  staging and vectors), by a key and value diff ([reladiff](https://pypi.org/project/reladiff/)) of
  source and staging, of bronze's newest records and staging, of staging and vectors. They are given
  the source's rows, which verify did not have. `-` is: not seen.

{totals}

{chance}

{tables}
## What is not in the table
{rest}
"""
REST = """\
- A manifest's `cluster` and `run` and the ledger's `n_loaded` and `load_run`: a person reads them,
  no verdict stands on them. A batch that is sealed again has another run, and a replay counts anew.
- A row whose cells were changed at the source behind the connector's back while its key stayed: S5
  and S6 compare counts and keys. The next change of the row, or a snapshot, brings it.
- A vector of NaN: pgvector refuses it.
- What only several machines can show (a leader that was elected uncleanly) has its lines above by
  its effect: a log that ends before what was read.
"""


def main(path: str, *options: str) -> int:
    """Prints the table; the exit code."""
    results, found = read(Path(path)), by_chance.read(path)
    missing = unseen(results, found)
    if "--markdown" in options:
        sys.stdout.write(markdown(results, found))
    else:
        sys.stdout.write(text(results))
        for name in missing:
            sys.stdout.write(f"NOT LOOKED AT: {name}\n")
    good = all(map(is_good, results)) and by_chance.are_good(found)
    return 0 if good and not missing else 1


def unseen(results: Sequence[dict], found: Sequence[dict]) -> list[str]:
    """What has no line: its test broke off, or never ran."""
    lines = {one["name"] for one in results}
    return [
        *(f"fault {one.name}" for one in faults() if one.name not in lines),
        *by_chance.unseen(found),
    ]


def read(path: Path) -> list[dict]:
    """The results, the last line of each fault, in the order of the flow and of the catalogue:
    the tests end in another order each time."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = {one["name"]: one for one in map(json.loads, lines)}
    layers, places = list(LAYERS), {one.name: place for place, one in enumerate(faults())}
    return sorted(
        found.values(),
        key=lambda one: (layers.index(one["layer"]), places.get(one["name"], len(places))),
    )


def is_good(one: dict) -> bool:
    return bool(one["seen"] and one["named"] and one["green"] and not one.get("hidden"))


def totals(results: Sequence[dict]) -> list[str]:
    """The figures."""
    size = len(results)

    def count(has) -> str:
        return f"{sum(map(bool, map(has, results)))}/{size}"

    states = {
        state: sum(one["state"] == state and one["seen"] for one in results) for state in STATES
    }
    kept = [not one["hidden"] for one in results if "hidden" in one]
    spoken = {name for one in results for name in one["spoke"]}
    rest = [check.id for check in CHECKS if check.id not in spoken]
    silent = f"; not {', '.join(rest)}" if rest else ""
    told = f"{states['loss'] + states['fail']} red ({states['loss']} of them as loss), "
    told += f"{states['unknown']} unknown, {states['warn']} warned of"
    return [
        f"detected {count(lambda one: one['seen'])}: {told}",
        f"named exactly {count(lambda one: one['named'])}",
        f"healthy again after the repair {count(lambda one: one['green'])}",
        f"losses that bictl repair cannot mend, as red after it: {sum(kept)}/{len(kept)}",
        *(f"by {name} {count(lambda one, name=name: name in one['others'])}" for name in OTHERS),
        f"by any of those {count(lambda one: one['others'])}",
        f"checks that spoke {len(spoken)}/{len(CHECKS)}{silent}",
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


def markdown(results: Sequence[dict], found: Sequence[dict]) -> str:
    """docs/faults.md."""
    chance = "\n".join(f"- {line}" for line in by_chance.figures(found))
    tables = "".join(
        _table(title, [one for one in results if one["layer"] == layer])
        for layer, title in LAYERS.items()
    )
    figures = "\n".join(f"- {line}" for line in totals(results))
    return PAGE.format(
        totals=f"**{len(results)} faults**\n\n{figures}",
        chance=f"**By chance, each from its seed**\n\n{chance}",
        tables=tables,
        rest=REST,
    )


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
