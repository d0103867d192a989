"""`bictl --help` against the help of an empty typer app: whole processes, paired in one run.

    python bench/startup.py [--rounds 15] [--most 1.5]

Both are started from a file with `python FILE --help`, so that neither pays for an installer's
wrapper, and both render their help with rich. Exits 1 above `--most` times the empty app.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from common import Paired, machine, pairs, run, versions

EMPTY = """\
import typer

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def nothing(name: str = "x") -> None:
    "Do nothing."


app()
"""
OURS = "from bictl.cli.main import main\n\nmain()\n"


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bictl-bench-") as folder:
        empty, ours = Path(folder, "empty.py"), Path(folder, "ours.py")
        empty.write_text(EMPTY)
        ours.write_text(OURS)
        for command in ("--help", "--version"):
            _start(ours, command), _start(empty, "--help")  # the files come from the page cache
        found = {
            command: pairs(
                lambda words=command: _start(ours, words),
                lambda: _start(empty, "--help"),
                rounds=options.rounds,
            )
            for command in ("--help", "--version")
        }
    print(machine())
    print(versions("typer", "rich"))
    for command, paired in found.items():
        print(_line(command, paired))
    sys.exit(statistics.median(_ratios(found["--help"])) > options.most)


def _start(file: Path, words: str) -> None:
    run(sys.executable, str(file), *words.split())


def _ratios(paired: Paired) -> list[float]:
    return [ours / empty for ours, empty in zip(paired.ours, paired.baseline, strict=True)]


def _line(command: str, paired: Paired) -> str:
    ratios = _ratios(paired)
    return (
        f"bictl {command}: {statistics.median(ratios):.2f} times an empty typer app's --help "
        f"({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs); "
        f"{statistics.median(paired.ours) * 1000:.0f} ms "
        f"against {statistics.median(paired.baseline) * 1000:.0f} ms"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--most", type=float, default=1.5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
