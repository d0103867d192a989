"""Looks for bytes that a parser does not survive, from the kept corpus on (atheris, libFuzzer).

python tests/fuzz/fuzz.py [TARGET …] [--seconds 30]

What is found is written to tests/fuzz/found/; new inputs that reach new code go to the corpus, each
as small as it can be. The exit code is 1 when a target failed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CORPUS, FOUND = HERE / "corpus", HERE / "found"
LONGEST = 4096  # bytes of an input


def main() -> int:
    """Each target in a process of its own."""
    from targets import TARGETS

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options.add_argument("--seconds", type=int, default=30)
    chosen = options.parse_args()
    if unknown := set(chosen.targets) - set(TARGETS):
        options.error(f"there is no target {', '.join(sorted(unknown))}: {', '.join(TARGETS)}")
    failed = [name for name in chosen.targets or TARGETS if not fuzz(name, seconds=chosen.seconds)]
    print(f"{len(chosen.targets or TARGETS)} targets, {len(failed)} failed", *failed)
    return bool(failed)


def fuzz(name: str, *, seconds: int) -> bool:
    """Whether the target survived; says how many inputs it was given."""
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as new:
        ran = _atheris(name, f"-max_total_time={seconds}", new, str(corpus))
        if not ran.returncode:
            _atheris(name, "-merge=1", str(corpus), new)
    runs = re.findall(r"Done (\d+) runs|#(\d+)", ran.stderr)
    given = max((int(one or other) for one, other in runs), default=0)
    print(f"{name:16} {given:>9} inputs  {'ok' if not ran.returncode else 'FAILED'}", flush=True)
    if ran.returncode:
        print(ran.stderr[-4000:])
    return not ran.returncode


def _atheris(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            __file__,
            "inside",
            name,
            f"-max_len={LONGEST}",
            f"-artifact_prefix={FOUND}/{name}-",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def inside(name: str, arguments: list[str]) -> None:
    """One target under atheris; it never returns."""
    import atheris

    with atheris.instrument_imports(include=["bictl", "targets"]):
        from targets import TARGETS
    atheris.Setup([name, *arguments], lambda data: TARGETS[name](data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(sys.argv[2], sys.argv[3:])
    sys.exit(main())
