"""bictl prune: bronze without what newer records have replaced."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import single
from bictl.cli.confirm import Yes, agreed, need_person
from bictl.cli.moments import moment
from bictl.cli.options import LockWait, Table, Topic
from bictl.cli.render import size
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import UsageError

if TYPE_CHECKING:
    from bictl.bronze import PruneResult, Wish
    from bictl.settings import Table as Source

COLUMNS = (
    Column("table"),
    Column("generation", wide=True),
    Column("partition", kind="count"),
    Column("verified", "verified to", kind="count"),
    Column("below", kind="count"),
    Column("rows", kind="count"),
    Column("bytes", kind="bytes"),
)
_PLACE = re.compile(r"(\d{1,10}):(\d{1,19})")


def prune(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="AGE|DATE", help="Records older than 90d, or than 2026-08-01 (UTC)."),
    ] = None,
    below: Annotated[
        list[str] | None,
        typer.Option(metavar="P:OFFSET", help="Records of a partition below an offset."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, remove nothing.")] = False,
    yes: Yes = False,
    lock_wait: LockWait = 0.0,
) -> None:
    """Remove from bronze the rows that a newer record of their key has replaced.

    Only below the frontiers of the last full verify that was complete. What staging shows stays the
    same; the newest record of each key, a snapshot's first and last record, records without a key
    and the quarantine stay. The exact offsets are recorded, and verify counts them: a row that is
    missing otherwise is as much a loss as before. `bictl load-bronze --replay` brings them back
    from the objects.

    Examples:

      bictl prune --before 90d --dry-run
      bictl prune --table product --before 2026-08-01 --yes
      bictl prune --table product --below 0:50000
    """
    wish = _wish(before, below)
    yes = yes and not dry_run
    hint = "look first with --dry-run, then say --yes"
    need_person("prune removes rows", yes=dry_run or yes, hint=hint)
    with session(context) as here:
        chosen = here.tables(table, topic) if before else [here.one_table(table, topic)]
        for item in chosen:
            result = _prune(here, item, wish, dry_run=not yes, lock_wait=lock_wait)
            if not yes and not dry_run and _is_wanted(here, result):
                result = _prune(here, item, wish, dry_run=False, lock_wait=lock_wait)
            _show(here, result)


def _prune(
    here: Session, table: "Source", wish: "Wish", *, dry_run: bool, lock_wait: float
) -> "PruneResult":
    from bictl import pipeline

    with here.screen.progress() as on_progress:
        work = here.work(on_progress, lock_wait=lock_wait)
        return pipeline.prune(work, table, wish=wish, dry_run=dry_run)


def _wish(before: str | None, below: list[str] | None) -> "Wish":
    """What may go, in the stage's words."""
    from bictl.bronze import Wish

    if bool(before) == bool(below):
        raise UsageError(
            "say what may go, in one way", hint="--before 90d, or --below PARTITION:OFFSET"
        )
    if before:
        return Wish(before=moment(before, option="--before"))
    return Wish(below=dict(_offset(text) for text in below or ()))


def _offset(text: str) -> tuple[int, int]:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no offset of a partition", hint="write it as 0:50000")
    return int(found[1]), int(found[2])


def _is_wanted(here: Session, result: "PruneResult") -> bool:
    """Whether there is something to remove and the person wants it removed."""
    question = f"{result.summary}. Remove them from {result.bronze}?"
    return result.removed > 0 and agreed(here, question)


def _show(here: Session, result: "PruneResult") -> None:
    view = View(
        schema="bictl.prune/1",
        columns=COLUMNS,
        rows=result.rows,
        extra={
            "table": result.table,
            "dry_run": result.dry_run,
            "wish": result.wish,
            "verified_at": result.verified_at,
            "removed": result.removed,
            "bytes": result.bytes,
            "size_before": result.size_before,
            "size_after": result.size_after,
        },
    )
    here.screen.done(view, f"prune {result.table}: {result.summary}{_space(result)}")


def _space(result: "PruneResult") -> str:
    """What became of the disk: VACUUM makes room inside the table and rarely gives it back."""
    if not result.changed or result.stopped:
        return ""
    return (
        f"; {size(result.bytes)} of keys and values: room for later loads, not for the disk: "
        f"{result.bronze} took {size(result.size_before)} and takes {size(result.size_after)}"
    )


app = single(prune)
