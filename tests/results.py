"""What `make faults` counts beside its catalogue: healthy variations, faults composed by chance.

    python tests/results.py RESULTS

A line of JSON for each, in a file beside the one that BICTL_FAULTS_RESULTS names.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

FILE = os.environ.get("BICTL_FAULTS_RESULTS")


def beside(file: str) -> Path:
    """Where the lines are."""
    return Path(f"{file}.chance")


def write(kind: str, **facts: object) -> None:
    """One line; `kind` is `variation` (its `alarms` are false ones) or `composed` (what is
    `wrong`, whether it was `seen` and `named`)."""
    if FILE:
        with beside(FILE).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"kind": kind, **facts}) + "\n")


def read(file: str) -> list[dict]:
    """The lines, the last one of each name; none where nothing was looked at."""
    if not beside(file).exists():
        return []
    lines = beside(file).read_text(encoding="utf-8").splitlines()
    return list({(one["kind"], one["name"]): one for one in map(json.loads, lines)}.values())


def planned() -> set[tuple[str, str]]:
    """The kind and name of everything that `make faults` looks at."""
    import test_composed
    import test_healthy_kafka
    import test_healthy_variations

    calm = [*test_healthy_variations.ALL, *test_healthy_kafka.found.all]
    return {("variation", str(one)) for one in calm} | {
        ("composed", str(seed)) for seed in test_composed.SEEDS
    }


def unseen(found: Sequence[dict]) -> list[str]:
    """What of it has no line: its test broke off, or never ran."""
    lines = {(one["kind"], one["name"]) for one in found}
    return [f"{kind} {name}" for kind, name in sorted(planned() - lines)]


def are_good(found: Sequence[dict]) -> bool:
    """Whether no alarm was false, and each composed fault was seen and named."""
    return all(
        not one["alarms"] if one["kind"] == "variation" else one["seen"] and one["named"]
        for one in found
    )


def figures(found: Sequence[dict]) -> list[str]:
    """The sentences."""
    calm = [one for one in found if one["kind"] == "variation"]
    composed = [one for one in found if one["kind"] == "composed"]
    damaged = [one for one in composed if one["wrong"]]
    sound = [one for one in composed if not one["wrong"]]

    def count(ones: Sequence[dict], has: str) -> str:
        return f"{sum(bool(one[has]) for one in ones)}/{len(ones)}"

    deep = sum(one["first"] == "deep" for one in damaged)
    alarmed = sum(bool(one["first"]) for one in sound)
    writers = sum("-writers" in one["name"] for one in calm)
    kinds = len({one["layer"] for one in calm})
    return [
        f"false alarms {count(calm, 'alarms')}: variations of {kinds} classes of legal behaviour,"
        f" {writers} of them with writers at work",
        f"composed faults detected {count(damaged, 'seen')}, {deep} of them by --deep alone;"
        f" named exactly {count(damaged, 'named')}",
        f"compositions that are no fault, and red: {alarmed}/{len(sound)}",
    ]


def main(file: str) -> int:
    """Prints the figures; the exit code."""
    found = read(file)
    sys.stdout.write("\n".join([*figures(found), ""]))
    return 0 if are_good(found) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
