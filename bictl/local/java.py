"""The Java that runs Kafka and Connect: where it is, and whether it is new enough."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bictl.errors import MissingDependency

OLDEST = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def java(environment: Mapping[str, str] = os.environ) -> Path:
    """Java's path: $JAVA_HOME's, else the PATH's. MissingDependency without one that will do."""
    found = _find(environment)
    said = subprocess.run(
        [found, "-version"], capture_output=True, text=True, check=False, timeout=60
    )
    version = version_of(said.stderr + said.stdout)
    if version is None:
        raise MissingDependency(
            f"{found} -version did not say which Java it is: {said.stderr.strip()[-200:]!r}",
            hint=_hint(environment),
        )
    if version < OLDEST:
        raise MissingDependency(
            f"expected Java {OLDEST} or newer, {found} is Java {version}", hint=_hint(environment)
        )
    return found


def version_of(words: str) -> int | None:
    """The feature release that `java -version` names: 8 for "1.8.0_392", 17 for "17.0.15"."""
    found = _VERSION.search(words)
    return int(found[1]) if found else None


def _find(environment: Mapping[str, str]) -> Path:
    home = environment.get("JAVA_HOME")
    path = str(Path(home) / "bin") if home else environment.get("PATH", os.defpath)
    found = shutil.which("java", path=path)
    if found is None:
        where = f"$JAVA_HOME is {home}, which has no bin/java" if home else "there is no java here"
        raise MissingDependency(
            f"expected Java {OLDEST} or newer for a real Kafka: {where}", hint=_hint(environment)
        )
    return Path(found)


def _hint(environment: Mapping[str, str]) -> str:
    if environment.get("JAVA_HOME"):
        return f"set JAVA_HOME to a Java {OLDEST} or newer, or unset it"
    return (
        f"install it (Debian: apt-get install openjdk-{OLDEST}-jre-headless maven), or leave out "
        "--jvm: the embedded broker needs no Java"
    )
