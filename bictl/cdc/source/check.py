"""The look at the source: each question asked once, and what could not be asked said so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bictl.cdc.source import judge
from bictl.cdc.source.judge import Answer
from bictl.errors import AccessDenied, NotFound, Unreachable

if TYPE_CHECKING:
    from bictl.cdc.source.catalogue import Capture, Catalogue, Place, Server, SourceTable
    from bictl.clients.connect import ConnectWorker


@dataclass(frozen=True, kw_only=True)
class Around:
    """What other systems know of the table; each is None where it is not known."""

    key: Sequence[str]
    committed: Callable[[], str | None]
    keeps_nulls: Callable[[], bool | None]
    staged: Callable[[], int | None]


@dataclass(frozen=True, kw_only=True)
class Examined:
    """The answers about one table."""

    table: str
    answers: tuple[Answer, ...]


def examine(catalogue: "Catalogue", *, name: str, place: "Place", around: Around) -> Examined:
    """Every answer about the table `name`, in the order in which one thing stands on another.

    Raises Unreachable, AccessDenied and ConfigError when the server cannot be asked at all; a right
    that is missing for one question makes its answer unknown.
    """
    return Examined(table=name, answers=tuple(_Look(catalogue, place, around).answers()))


class _Look:
    """One table's questions; what the catalogue said is kept for the next one."""

    def __init__(self, catalogue: "Catalogue", place: "Place", around: Around) -> None:
        self._catalogue, self._place, self._around = catalogue, place, around

    @cached_property
    def _server(self) -> "Server":
        return self._catalogue.server()

    @cached_property
    def _table(self) -> "SourceTable | None":
        return self._catalogue.table()

    @cached_property
    def _captures(self) -> "tuple[Capture, ...]":
        return self._catalogue.captures()

    def answers(self) -> Iterator[Answer]:
        """The server and what is its own, then the table and what is its."""
        reached = judge.server(self._server, wanted=self._place.database)
        yield reached
        if reached.state == "fail":
            return
        yield judge.database(self._server)
        yield _asked("agent", lambda: judge.agent(self._catalogue.agent()))
        if self._server.captures:
            yield _asked("retention", lambda: judge.retention(self._catalogue.retention()))
            yield _asked("errors", lambda: judge.errors(self._catalogue.errors()))
        yield from self._of_table()

    def _of_table(self) -> Iterator[Answer]:
        source = self._table
        near = self._catalogue.tables() if source is None else ()
        yield judge.table(source, self._place, existing=near)
        if source is None:
            return
        yield judge.key(source, configured=self._around.key)
        yield from judge.values(source.columns, keeps_nulls=self._around.keeps_nulls())
        if source.tracked:
            yield _asked("capture", lambda: judge.captures(self._captures, source))
            yield _asked("unread", lambda: judge.lost(self._captures, self._around.committed()))
        yield _asked("rows", lambda: judge.rows(source.rows, self._around.staged()))


def _asked(check: str, look: Callable[[], Answer]) -> Answer:
    """The answer, or that it could not be had."""
    try:
        return look()
    except AccessDenied as error:
        return Answer(check=check, state="unknown", message=error.message, repair=error.hint or "")
    except Unreachable as error:
        return Answer(check=check, state="unknown", message=error.message, repair=error.hint or "")


def committed(worker: "ConnectWorker", *, topic: str, database: str) -> str | None:
    """The commit_lsn that the topic's connector last committed for the database."""
    from bictl.cdc.nulls import writers

    try:
        writing = writers(worker, topic=topic)[:1]
        offsets = [offset for one in writing for offset in worker.offsets(one.name)]
    except (NotFound, Unreachable, AccessDenied):
        return None
    found = [
        str(offset.offset["commit_lsn"])
        for offset in offsets
        if offset.offset.get("commit_lsn")
        and str(offset.partition.get("database", database)).lower() == database.lower()
    ]
    return max(found, default=None)


def exit_code(examined: Sequence[Examined]) -> int:
    """6 for evidence of loss, before 1 for a failure, before 3 for what is not known, else 0."""
    codes = {answer.code for one in examined for answer in one.answers}
    return next((code for code in (6, 1, 3) if code in codes), 0)


def once_each(examined: Sequence[Examined]) -> list[tuple[str, Answer]]:
    """(table, answer) of all tables; what is the server's own stands once, under no table."""
    own = ("server", "database", "agent", "retention", "errors")
    rows: dict[tuple[str, Answer], None] = {}
    for one in examined:
        for answer in one.answers:
            rows[("" if answer.check in own else one.table, answer)] = None
    return list(rows)
