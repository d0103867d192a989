"""What the two Java services have in common: their command line and their logging."""

import os
from collections.abc import Sequence
from pathlib import Path

from bictl.local.jars import kept
from bictl.local.java import java
from bictl.local.processes import Command

_LOGGING = """\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.org.reflections=ERROR
"""


def prepare(home: Path) -> None:
    """Make a service's directory: its logging, and a temporary directory for native libraries."""
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "tmp").mkdir(mode=0o700, exist_ok=True)
    (home / "log4j.properties").write_text(_LOGGING, encoding="utf-8")


def command(home: Path, main: str, arguments: Sequence[str], *, heap: int) -> Command:
    """`main` with at most `heap` MiB of heap; without log4j.properties Kafka logs nothing."""
    return Command(
        executable=java(),
        arguments=[
            *(
                f"-Xmx{heap}m",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-XX:+ExitOnOutOfMemoryError",
            ),
            *("-Djava.awt.headless=true", f"-Djava.io.tmpdir={home / 'tmp'}"),
            *(f"-Dlog4j.configuration=file:{home / 'log4j.properties'}",),
            *("-cp", f"{kept() / 'libs'}/*", main, *arguments),
        ],
        cwd=home,
        environment={"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
    )
