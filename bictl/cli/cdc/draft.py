"""Which connector file `cdc apply` and `cdc validate` mean, and what stands around it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bictl import assets
from bictl.cli.session import Session
from bictl.errors import NotFound, UsageError

if TYPE_CHECKING:
    from bictl.cdc import Around, ConnectorFile, Neighbour, Verdict
    from bictl.clients.connect import ConnectWorker
    from bictl.settings import Table

File = Annotated[
    str | None,
    typer.Argument(metavar="[FILE]", help="A connector's JSON; '-' is stdin."),
]
TableOf = Annotated[
    str | None,
    typer.Option("--table", "-t", metavar="NAME", help="The file that feeds this table."),
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="For a file that has no name in it.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="KEY", help="A key that bictl need not know; more than once."),
]
FailOn = Annotated[
    str, typer.Option("--fail-on", metavar="fail|warn", help="From what on it is not right.")
]


def connectors_dir(here: Session) -> Path:
    """Where connector files are looked for."""
    chosen = here.settings.connect.connectors_dir
    if chosen:
        return Path(chosen).expanduser().absolute()
    return assets.path("infra", "kafka-connect", "connectors")


def draft_of(
    here: Session, file: str | None, table: str | None, name: str | None
) -> "ConnectorFile":
    """The connector that is meant: of the file, else the one that feeds the table, else the
    configured one."""
    from bictl.cdc import connector_file

    if file == "-":
        return connector_file.parse(sys.stdin.buffer.read(), place="stdin", name=name)
    if file:
        return connector_file.read(Path(file), name=name)
    folder = connectors_dir(here)
    files = connector_file.folder(folder)
    if table:
        return _feeding(files, here.settings.table(table), folder)
    wanted = name or here.settings.connect.connector
    for one in files:
        if one.name == wanted:
            return one
    names = [one.name for one in files]
    raise NotFound("connector", wanted, existing=names, where=f"in {folder}")


def _feeding(files: tuple["ConnectorFile", ...], table: "Table", folder: Path) -> "ConnectorFile":
    from bictl.cdc import leads_to

    found = [one for one in files if leads_to(one.config, table.topic)]
    if not found:
        raise UsageError(
            f"no connector in {folder} writes {table.topic}, which [tables.{table.name}] reads",
            hint="name the file, or its directory: connect.connectors_dir",
        )
    if len(found) > 1:
        names = ", ".join(one.place for one in found)
        raise UsageError(f"several connectors write {table.topic}: {names}", hint="name the file")
    return found[0]


def around(
    here: Session, draft: "ConnectorFile", table: str | None, allow: list[str] | None
) -> "Around":
    """The tables, the files beside this one, and what the caller said."""
    from bictl.cdc import Around

    return Around(
        tables=tuple(here.settings.tables.values()),
        table=here.settings.table(table) if table else None,
        connector=here.settings.connect.connector,
        neighbours=_beside(here, draft),
        allow=allow or (),
    )


def _beside(here: Session, draft: "ConnectorFile") -> tuple["Neighbour", ...]:
    """The connectors of the other files in the draft's directory; stdin has the configured one."""
    from bictl.cdc import Neighbour, connector_file

    folder = connectors_dir(here) if draft.place == "stdin" else Path(draft.place).parent
    return tuple(
        Neighbour(one.name, one.place, one.config)
        for one in connector_file.folder(folder)
        if Path(one.place).resolve() != Path(draft.place).resolve()
        and not (draft.place == "stdin" and one.name == draft.name)
    )


def ask_worker(
    here: Session, worker: "ConnectWorker", draft: "ConnectorFile", own: "Verdict"
) -> "Verdict":
    """The worker's verdict too. It tries the source's database, up to a minute and a half: who is
    awaited is said, and a signal ends it at once, since nothing is at work."""
    from bictl.cdc import ask

    if draft.database and not (own.failures or own.silence):
        here.screen.say(f"the worker tries the database at {draft.database}")
    said, here.stop.on_first = here.stop.on_first, lambda: None
    try:
        found = ask(worker, draft, own, stop=here.stop)
        here.stop.check()
        return found
    finally:
        here.stop.on_first = said


def tell(here: Session, verdict: "Verdict") -> None:
    """What was found, on stderr."""
    for one in verdict.warnings:
        hint = f" ({one.hint})" if one.hint else ""
        here.screen.warn(f"{one.key}: {one.message}{hint}")
    for one in verdict.failures:
        here.screen.error(f"{one.key}: {one.message}" if one.key else one.message, one.hint)


def stop_at(verdict: "Verdict", *, fail_on: str) -> None:
    """Exits 2 when what was found keeps the configuration from being applied; raises what kept
    the worker from having its say."""
    if verdict.failures or (fail_on == "warn" and verdict.warnings):
        raise typer.Exit(2)
    if verdict.silence:
        raise verdict.silence


def check_fail_on(value: str) -> None:
    """UsageError for a word that is none."""
    if value not in ("fail", "warn"):
        raise UsageError(f"--fail-on {value!r} is not one of fail, warn", hint="leave it out: fail")
