"""What the catalogue's facts come to: one answer a question, each a pure function."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bictl.cdc.source.catalogue import Capture, Place, Server, SourceColumn, SourceTable
from bictl.columns import KNOWN
from bictl.errors import nearest

State = Literal["ok", "warn", "fail", "unknown", "skipped"]
DAY = 24 * 60  # minutes
_FINE_TIME = re.compile(r"time\([4-7]\)")
_MANY = 2  # capture instances that a table can have
_Is = Callable[[SourceColumn], bool]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How one thing stands. `code` is what it alone would end the command with."""

    check: str
    state: State
    message: str
    repair: str = ""
    is_loss: bool = False

    @property
    def code(self) -> int:
        """6 for evidence of loss, 1 for a failure, 3 for what is not known, else 0."""
        if self.state == "fail":
            return 6 if self.is_loss else 1
        return 3 if self.state == "unknown" else 0


def server(found: Server, *, wanted: str) -> Answer:
    """The database is the one whose changes the topic carries."""
    words = f"SQL Server {found.version}, {found.edition}, database {found.database}"
    if found.database.lower() != wanted.lower():
        return Answer(
            check="server",
            state="fail",
            message=f"{words}; the topic is of {wanted}",
            repair="correct [sqlserver] database, or the table's topic",
        )
    return Answer(check="server", state="ok", message=words)


def database(found: Server) -> Answer:
    """The database captures changes."""
    if found.captures:
        return Answer(check="database", state="ok", message="change data capture is on")
    return Answer(
        check="database",
        state="fail",
        message=f"change data capture is off in {found.database}",
        repair="bictl cdc enable prints what a sysadmin runs",
    )


def agent(runs: bool | None) -> Answer:
    """SQL Server Agent runs: without it nothing is captured."""
    if runs:
        return Answer(check="agent", state="ok", message="SQL Server Agent runs")
    if runs is None:
        return Answer(
            check="agent",
            state="unknown",
            message="the server lists no Agent (a managed one has its own)",
            repair="look at whether new changes appear in cdc.lsn_time_mapping",
        )
    return Answer(
        check="agent",
        state="fail",
        message="SQL Server Agent is stopped: nothing is captured",
        repair="start it, and let it start with the server",
    )


def table(found: SourceTable | None, place: Place, *, existing: Sequence[str] = ()) -> Answer:
    """The table is there, and its changes are captured."""
    if found is None:
        near = ", ".join(nearest(str(place), existing)[:5])
        return Answer(
            check="table",
            state="fail",
            message=f"there is no table {place} in {place.database}, or the login may not see it",
            repair=f"the nearest there are {near}" if near else "bictl cdc enable --login NAME",
        )
    if not found.tracked:
        return Answer(
            check="table",
            state="fail",
            message=f"the changes of {place} are not captured",
            repair="bictl cdc enable prints what a db_owner runs",
        )
    return Answer(check="table", state="ok", message=f"the changes of {place} are captured")


def captures(found: Sequence[Capture], source: SourceTable) -> Answer:
    """The newest capture instance has the table's columns."""
    if not found:
        return Answer(
            check="capture",
            state="unknown",
            message="no capture instance can be seen",
            repair="grant select on schema::cdc to the login",
        )
    newest = found[-1]
    columns = [one.column.name for one in source.columns]
    missing = [name for name in columns if name not in newest.columns]
    gone = [name for name in newest.columns if name not in columns]
    if missing or gone:
        said = []
        if missing:
            said.append(f"{newest.name} does not capture {', '.join(missing)}")
        if gone:
            said.append(f"it still captures {', '.join(gone)}, which the table no longer has")
        return Answer(
            check="capture",
            state="fail" if missing else "warn",
            message="; ".join(said),
            repair="make a second capture instance with sys.sp_cdc_enable_table, wait until the "
            "connector reads it, then sys.sp_cdc_disable_table the old one"
            if len(found) < _MANY
            else "a table has two capture instances at most: disable the older one first, when the "
            "connector no longer reads it",
        )
    if len(found) == _MANY:
        return Answer(
            check="capture",
            state="warn",
            message=f"two capture instances: {found[0].name}, {newest.name}",
            repair=f"when the connector reads {newest.name}, disable {found[0].name}",
        )
    costs = ", with net changes, which nobody reads" if newest.net_changes else ""
    count = len(newest.columns)
    return Answer(
        check="capture", state="ok", message=f"{newest.name} captures all {count} columns{costs}"
    )


def key(source: SourceTable, *, configured: Sequence[str]) -> Answer:
    """The configured key is the table's primary key."""
    if source.key == tuple(configured):
        return Answer(check="key", state="ok", message=f"the key is {', '.join(source.key)}")
    if not source.key:
        return Answer(
            check="key",
            state="warn",
            message="the table has no primary key: Debezium sends no key, so nothing tells its "
            "rows apart",
            repair="give it one, or name its columns in the connector's message.key.columns",
        )
    return Answer(
        check="key",
        state="fail",
        message=f"the primary key is {', '.join(source.key)}, the configuration says "
        f"{', '.join(configured)}",
        repair="correct key of the table in the configuration",
    )


def values(columns: Sequence[SourceColumn], *, keeps_nulls: bool | None) -> list[Answer]:
    """What of the table's columns does not arrive as the source has it; one ok where nothing is."""
    found = [
        Answer(check="values", state="warn", message=f"{', '.join(names)}: {words}", repair=repair)
        for names, words, repair in (
            (_names(columns, _is_left_out), *_LEFT_OUT),
            (_names(columns, _is_computed), *_COMPUTED),
            (_names(columns, _is_default), *_DEFAULT) if not keeps_nulls else ([], "", ""),
            (_names(columns, lambda one: bool(_FINE_TIME.fullmatch(one.column.type))), *_ROUNDED),
            (_names(columns, _is_late), *_LATE),
        )
        if names
    ]
    large = _names(columns, lambda one: one.is_max or one.column.type in ("text", "ntext", "image"))
    note = f"; before images leave out {', '.join(large)} unless changed" if large else ""
    if not found:
        words = f"every column arrives as the source has it{note}"
        return [Answer(check="values", state="ok", message=words)]
    if note:
        found.append(Answer(check="values", state="ok", message=note.removeprefix("; ")))
    return found


def _names(columns: Sequence[SourceColumn], is_one: _Is) -> list[str]:
    return [one.column.name for one in columns if is_one(one)]


def _is_left_out(one: SourceColumn) -> bool:
    return one.column.type == "sql_variant" or not KNOWN.fullmatch(one.column.type.split("(")[0])


def _is_computed(one: SourceColumn) -> bool:
    return one.column.computed


def _is_default(one: SourceColumn) -> bool:
    return one.column.nullable and one.column.default is not None


def _is_late(one: SourceColumn) -> bool:
    return one.column.type.startswith("datetimeoffset")


_LEFT_OUT = (
    "of a type that Debezium leaves out of every event",
    "convert it into a type that it knows, in a column of its own",
)
_COMPUTED = (
    "computed: in snapshots only, NULL in every change event",
    "leave it out of the model, or compute it there",
)
_DEFAULT = (
    "nullable with a default: a NULL arrives as the default unless the connector says "
    "value.converter.replace.null.with.default=false",
    "set it in the connector's file, then bictl cdc apply",
)
_ROUNDED = (
    "a time of more than three digits: change events round it to milliseconds",
    "time(3) arrives as it is",
)
_LATE = (
    "datetimeoffset: before 1970 a fraction arrives a second late, the year 0001 as 0000",
    "datetime2(6) in UTC arrives as it is",
)


def retention(minutes: int | None) -> Answer:
    """Changes are kept for longer than a connector may be down over a night."""
    if minutes is None:
        return Answer(
            check="retention",
            state="unknown",
            message="no cleanup job can be seen",
            repair="grant select on msdb.dbo.cdc_jobs to the login",
        )
    words = f"changes are kept for {minutes} minutes"
    if minutes < DAY:
        return Answer(
            check="retention",
            state="warn",
            message=f"{words}, less than a day: a connector that is down for longer loses them",
            repair="exec sys.sp_cdc_change_job @job_type = N'cleanup', @retention = 10080",
        )
    return Answer(check="retention", state="ok", message=words)


def lost(found: Sequence[Capture], committed: str | None) -> Answer:
    """Nothing was cleaned up that the connector has not read.

    It reads the newest instance that began before where it is, so that one's oldest change counts;
    LSNs of fixed width order as texts.
    """
    if committed is None:
        return Answer(
            check="unread",
            state="skipped",
            message="how far the connector is is not known: [connect] is not configured, or it has "
            "committed nothing yet",
        )
    oldest = [one.oldest for one in found if one.oldest]
    if not oldest:
        return Answer(
            check="unread",
            state="unknown",
            message="the oldest change that is kept cannot be seen",
            repair="grant select on schema::cdc to the login",
        )
    first = min(oldest)
    if first > committed:
        return Answer(
            check="unread",
            state="fail",
            message=f"changes after {committed} were cleaned up before the connector read them: "
            f"the oldest there is {first}",
            repair="a new snapshot closes the gap: bictl cdc stop, bictl cdc offsets reset, "
            "bictl cdc resume; and keep changes for longer",
            is_loss=True,
        )
    return Answer(
        check="unread",
        state="ok",
        message=f"the connector is at {committed}, changes are kept from {first}",
    )


def errors(found: Sequence[tuple[datetime, int, str]]) -> Answer:
    """The capture met no error."""
    if not found:
        return Answer(check="errors", state="ok", message="the capture reports no error")
    when, number, words = found[0]
    return Answer(
        check="errors",
        state="warn",
        message=f"{len(found)} errors of the capture, the newest at {when:%Y-%m-%d %H:%M:%S}: "
        f"{number} {words}",
        repair="select * from sys.dm_cdc_errors",
    )


def rows(source: int | None, staged: int | None) -> Answer:
    """The table has as many rows as staging; what is on its way may make a small difference."""
    if source is None or staged is None:
        which = "the source's" if source is None else "staging's"
        return Answer(check="rows", state="skipped", message=f"{which} rows are not known")
    words = f"{source} rows at the source, {staged} in staging"
    if source == staged:
        return Answer(check="rows", state="ok", message=words)
    is_far = abs(source - staged) * 100 > max(source, staged)
    return Answer(
        check="rows",
        state="fail" if is_far else "warn",
        message=f"{words}: {abs(source - staged)} apart"
        + (", more than one in a hundred" if is_far else ", which may be on their way"),
        repair="bictl verify proves every boundary from Kafka on; bictl cdc status shows the one "
        "before it",
    )
