"""bictl search: a query to its hits."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.app import single
from bictl.cli.options import Table
from bictl.cli.session import session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.search import Hit, SearchResult
    from bictl.settings import Table as TableSettings

MOST = 200  # characters of a text on a terminal
SHOWN = ("price",)  # beside the name and the code, where there is such a column


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="What to look for: words, a code, a description.")],
    table: Table = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many hits.")
    ] = 10,
    where: Annotated[
        str | None, typer.Option(metavar="CONDITION", help="A condition on staging's columns.")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only such rows.")
    ] = None,
    mode: Annotated[
        str, typer.Option(metavar="hybrid|semantic|keyword", help="By what to find.")
    ] = "hybrid",
) -> None:
    """Find rows by exact code, by words and by meaning; each hit says why.

    Exact codes come first, however they are punctuated. Words may be quoted, excluded with a minus
    and joined by `or`. The model is English: other languages are found by their words, not by their
    meaning. What was deleted after the last embed is not shown.

    A condition compares columns of the staging view: = != < <= > >= ~ (contains), in, between, is
    null, and, or, not, brackets; texts and times stand in quotes. Values never become SQL.

    Examples:

      bictl search 'quiet pump for hot water'
      bictl search NOR-51107
      bictl search pump --active --where 'price < 20 and category_id in (3, 4)'
      bictl search насос --mode keyword -n 50 -o jsonl
    """
    from bictl.search import TIMEOUT
    from bictl.search import search as stage

    with session(context) as here:
        item = here.one_table(table)
        result = stage(
            here.clients.database,
            here.clients.query_encoder,
            table=item,
            staging_schema=here.settings.dbt.view_schema,
            query=query,
            mode=mode,
            where=where,
            active=active,
            limit=limit,
            timeout=min(TIMEOUT, here.options.timeout or TIMEOUT),
        )
        if result.hits or here.screen.format != "table":
            here.screen.show(view_of(result, item))
        if not result.hits:
            here.screen.say(f"no row of {item.name} meets the query and its conditions")


def view_of(result: "SearchResult", table: "TableSettings") -> View:
    """The hits: what a person compares first, then every other column of staging."""
    codes = [name for name in table.embed if name == "code" or name.endswith("_code")]
    first = dict.fromkeys([table.embed[0], *codes, *SHOWN])
    shown = [name for name in first if name in result.columns and name not in table.id]
    rest = [name for name in result.columns if name not in shown and name not in table.id]
    keys = ("id",) if len(table.id) == 1 else table.id
    return View(
        schema="bictl.search/1",
        columns=(
            Column("rank", "", kind="count"),
            *(Column(name) for name in keys),
            *(Column(name, cut=MOST) for name in shown),
            Column("why", "found by"),
            Column("similarity", wide=True),
            *(Column(name, wide=True) for name in rest),
        ),
        rows=[_row(hit, keys) for hit in result.hits],
        rows_key="hits",
        extra={
            "table": result.table,
            "query": result.query,
            "mode": result.mode,
            "exact": result.exact,
        },
    )


def _row(hit: "Hit", keys: tuple[str, ...]) -> dict[str, Any]:
    return {
        **hit.row,
        "rank": hit.rank,
        "similarity": None if hit.similarity is None else round(hit.similarity, 4),
        "score": round(hit.score, 6),
        "found_by": list(hit.sources),
        "words": list(hit.words),
        "why": hit.why,
        **dict(zip(keys, hit.id if len(keys) > 1 else [hit.id], strict=True)),
    }


app = single(search)
