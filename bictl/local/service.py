"""What the stack asks of each service, and where a service finds its ports and credentials."""

import importlib.util
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from bictl.errors import MissingDependency
from bictl.local.processes import Command


@dataclass(frozen=True)
class Place:
    """A stack's directory, its ports by name and its credentials."""

    directory: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str]


class Service(Protocol):
    """One of the embedded services."""

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    depends_on: ClassVar[tuple[str, ...]]  # the ports of others that it was started with
    stop_signal: ClassVar[signal.Signals]
    usual_start: ClassVar[float]  # seconds after which a start is slow, which is said

    def prepare(self) -> None:
        """Make what the first start needs; called before every start."""

    def command(self) -> Command:
        """The command line that runs the service in the foreground."""
        ...

    def marks(self) -> tuple[tuple[str, ...], ...]:
        """Sets of arguments, each telling a process of this stack from everybody else's; the
        service itself comes first."""
        ...

    def elsewhere(self) -> list[Path]:
        """Its directories outside of the stack's own."""
        ...

    def is_ready(self) -> bool:
        """Whether it does its work, after a start; completes its first set-up on the way."""
        ...

    def answers(self) -> bool:
        """Whether it does its work now; changes nothing."""
        ...

    def endpoint(self) -> str:
        """Where clients reach it, for people."""
        ...

    def tidy(self) -> None:
        """Remove what an ended process left behind."""


def package_file(package: str, *parts: str) -> Path:
    """A file of an installed package, which is not imported; MissingDependency without it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise missing(package)
    return Path(spec.origin).parent.joinpath(*parts)


def missing(package: str) -> MissingDependency:
    """The error for an embedded service that is not installed."""
    return MissingDependency(
        f"the embedded services are not installed: {package} is missing",
        hint="pip install 'bictl[demo]'",
    )
