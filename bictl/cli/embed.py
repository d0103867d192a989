"""bictl embed: staging → vectors."""

from dataclasses import replace
from typing import Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import LockWait, Table, Topic
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

COLUMNS = (
    Column("table"),
    Column("rows", kind="count"),
    Column("texts", "texts embedded", kind="count"),
    Column("embedded", "rows", kind="count"),
    Column("removed", kind="count"),
    Column("remaining", kind="count"),
    Column("index"),
    Column("empty", kind="count", wide=True),
    Column("truncated", kind="count", wide=True),
    Column("model", wide=True),
)


def embed(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Embed N texts at most.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Embed unchanged texts again too.")
    ] = False,
    reindex: Annotated[
        bool, typer.Option("--reindex", help="Make the index that search walks anew.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE", help="onnx (the packaged model) or sentence-transformers (any)."
        ),
    ] = None,
    lock_wait: LockWait = 0.0,
) -> None:
    """Make the vectors of what changed, and the index that search walks.

    A text is embedded when it is new, when it changed, when another model made its vector or when
    its vector is one that search cannot find; a deleted row loses its vector. Each window of 1,024
    texts is one transaction, so a run can be killed at any instant, and the next one does the
    rest. The engine onnx needs neither torch nor a network; sentence-transformers loads local files
    only, and uses a GPU where there is one.

    Examples:

      bictl embed
      bictl embed --table product --limit 1000
      bictl embed --engine sentence-transformers --rebuild
    """
    from bictl import pipeline

    with session(context) as here:
        if engine:
            _choose(here, engine)
        for item in here.tables(table, topic):
            if not item.embed and not (table or topic):
                continue
            with here.screen.progress() as on_progress:
                result = pipeline.embed(
                    here.work(on_progress, lock_wait=lock_wait),
                    item,
                    limit=limit,
                    rebuild=rebuild,
                    reindex=reindex,
                )
            row = {column.key: getattr(result, column.key) for column in COLUMNS}
            here.screen.done(
                View(schema="bictl.embed/1", columns=COLUMNS, rows=[row]),
                f"embed {item.name}: {result.summary}",
            )


def _choose(here: Session, engine: str) -> None:
    """The settings with another engine."""
    chosen = replace(here.settings.embedding, engine=engine)
    here.use(replace(here.settings, embedding=chosen))


app = single(embed)
