"""Threads that import: nobody begins with a module of a package that is not imported yet.

One that does can meet another one that imports the package, and importlib ends both with an error:
seldom, and never twice in the same place, so here the order of the imports is looked at.
"""

import os
import subprocess
import sys

import pytest

WATCHED = """
import sys, threading

OURS = {"bictl", "boto3", "botocore", "importlib", "kafka", "psycopg2"}
found = []

def look(event, arguments):
    if event != "import" or threading.current_thread() is threading.main_thread():
        return
    parts = arguments[0].split(".")
    above = [sys.modules.get(".".join(parts[:n])) for n in range(1, len(parts))]
    begun = any(getattr(getattr(one, "__spec__", None), "_initializing", False) for one in above)
    if parts[0] in OURS and None in above and not begun:
        found.append(f"{threading.current_thread().name} begins with {arguments[0]}")

sys.addaudithook(look)
from bictl.__main__ import main
try:
    main()
finally:
    print(*found, sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "--quick"),
        ("verify",),
        ("verify", "--deep"),
        ("doctor",),
        ("trace", "--key", "12"),
        ("search", "lamp"),
    ],
    ids=" ".join,
)
def test_no_thread_begins_with_a_module_of_a_package(platform, words):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words],
        env={
            **os.environ,
            "BICTL_CONFIG": str(platform.path),
            "BICTL_STATE_DIR": str(platform.state_dir),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    assert "begins with" not in done.stderr
