"""The database at this program's version, and what other scripts left taken over with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl.errors import BictlError
from bictl.pipeline.work import Work, topic_lock, worst_code

if TYPE_CHECKING:
    from bictl.bronze import Migration
    from bictl.settings import Table
    from bictl.takeover import Choice, Pending, TakeoverResult


@dataclass(frozen=True, kw_only=True)
class Forward:
    """The database brought to this program's version, and by table what was taken over with it;
    `notes` are for a person."""

    migration: "Migration"
    taken: "Mapping[str, TakeoverResult]"
    notes: tuple[str, ...] = ()


def bring_forward(
    work: Work,
    tables: "Sequence[Table]",
    *,
    choice: "Choice | None" = None,
    needs_objects: bool = True,
) -> Forward:
    """Applies the migrations; takes over what other scripts left of `tables`.

    The generation of old records is settled before anything is changed. `choice` is a person's;
    unless `needs_objects`, a bucket that does not answer only leaves its old objects for later.
    """
    from bictl.bronze import OldGeneration
    from bictl.bronze import migrate as apply
    from bictl.takeover import check_choice, settle, take_over

    if choice is not None:
        for table in tables:
            check_choice(work.clients.objects, table=table, choice=choice)
    waiting, notes = _waiting(work, tables, needs_objects=needs_objects)
    clients, decided = work.clients, {}
    for table in tables:
        if waiting[table.name]:
            decided[table.name] = settle(
                clients.reader,
                clients.objects,
                clients.database,
                table=table,
                pending=waiting[table.name],
                choice=choice,
            )
    legacy = {name: OldGeneration(one.generation, one.number) for name, one in decided.items()}
    migration = apply(clients.database, tables, legacy=legacy)
    taken = {}
    for table in tables:
        if table.name in decided:
            with topic_lock(work, table, command="takeover"):
                taken[table.name] = take_over(
                    clients.reader,
                    clients.objects,
                    clients.database,
                    table=table,
                    decision=decided[table.name],
                    pending=waiting[table.name],
                    limits=work.settings.ingest,
                    run=work.run,
                    on_progress=work.on_progress,
                    stop=work.stop,
                )
    return Forward(migration=migration, taken=taken, notes=tuple(notes))


def migrate(work: Work, *, choice: "Choice | None" = None) -> Forward:
    """The same for every table, as a run of its own, also where it makes the ledger of runs."""
    from bictl.ops.runs import recorded

    work.begin()
    tables = list(work.settings.tables.values())
    with recorded(
        work.clients.database,
        work.run,
        command="migrate",
        arguments=work.arguments(*tables),
        makes_it=True,
    ) as outcome:
        done = bring_forward(work, tables, choice=choice, needs_objects=False)
        taken = [one.summary for one in done.taken.values()]
        outcome.result = {"summary": "; ".join([done.migration.summary, *taken])}
        outcome.exit_code = worst_code([one.exit_code for one in done.taken.values()])
        outcome.status = "warn" if outcome.exit_code else "ok"
    return done


def plan_forward(work: Work, *, choice: "Choice | None" = None) -> list[str]:
    """What `bring_forward` would do for every table, in words; writes nothing."""
    from bictl.bronze import pending
    from bictl.takeover import check_choice, settle

    every = list(work.settings.tables.values())
    if choice is not None:
        for table in every:
            check_choice(work.clients.objects, table=table, choice=choice)
    words = pending(work.clients.database, every)
    waiting, notes = _waiting(work, every, needs_objects=False)
    for table in every:
        if found := waiting[table.name]:
            decision = settle(
                work.clients.reader,
                work.clients.objects,
                work.clients.database,
                table=table,
                pending=found,
                choice=choice,
                dry_run=True,
            )
            words.append(
                f"seal the records of {found.words} of {table.name} as generation"
                f" {decision.generation}: {decision.why}"
            )
    return [*words, *notes]


def _waiting(
    work: Work, tables: "Sequence[Table]", *, needs_objects: bool
) -> "tuple[dict[str, Pending], list[str]]":
    """What is old of each table; the objects of one whose bucket does not answer are noted."""
    from bictl.takeover import look_at_objects, look_at_rows

    found, notes = {}, list[str]()
    for table in tables:
        found[table.name] = rows = look_at_rows(work.clients.database, table=table)
        try:
            objects = look_at_objects(work.clients.objects, table=table)
        except BictlError as error:
            if needs_objects or rows:
                raise
            notes.append(f"nobody looked for old objects of {table.name}: {error.message}")
        else:
            found[table.name] = replace(rows, objects=objects)
    return found, notes
