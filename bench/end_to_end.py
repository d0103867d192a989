"""The whole way of a catalogue, per stage, and what a second run costs when nothing is new.

python bench/end_to_end.py [--products 61443]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from common import machine, versions


def main() -> None:
    """A demo on a fresh stack, then `bictl run` twice."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--products", type=int, default=61_443)
    chosen = options.parse_args()
    print(machine(), versions("onnxruntime", "kafka-python", "dbt-core"), sep="; ")
    with tempfile.TemporaryDirectory(prefix="bictl-bench-", ignore_cleanup_errors=True) as folder:
        environment = {**os.environ, "BICTL_STATE_DIR": folder}
        os.chmod(folder, 0o755)  # noqa: PTH101
        try:
            first = bictl(environment, "demo", "--products", str(chosen.products), "--changes", "0")
            print(f"demo, {chosen.products} products: {first['seconds']:.1f} s")
            print(f"  {first['verify']['headline']}")
            print_steps(first["steps"])
            for _ in range(2):
                again = bictl(environment, "run")
                print(f"run again, nothing new: {again['seconds']:.1f} s")
                print_steps(again["rows"])
        finally:
            bictl(environment, "stack", "down", "--purge")


def print_steps(steps: list[dict]) -> None:
    """One line a stage."""
    for step in steps:
        print(f"  {step['stage']:<12}{step['seconds']:8.1f} s  {step['summary']}")


def bictl(environment: dict[str, str], *arguments: str) -> dict:
    """The JSON that a command prints, and how long it took."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "bictl", "--no-progress", *arguments, "-o", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return {**json.loads(done.stdout), "seconds": time.perf_counter() - started}


main()
