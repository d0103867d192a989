"""bictl demo: the whole pipeline on this machine, with sample data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli import live, search, stack, verdict
from bictl.cli.app import single
from bictl.cli.run import run_and_say
from bictl.cli.session import Session, session
from bictl.cli.view import View

if TYPE_CHECKING:
    from bictl.local.publish import Published
    from bictl.local.stack import Stack
    from bictl.search import SearchResult
    from bictl.verify import Report

TABLE = "product"
_JVM = {False: " " * 16, True: f"{' --jvm':<16}"}
_UP = {
    False: "Postgres, S3 and a Kafka-compatible broker",
    True: "Kafka, Connect with Debezium, a source database, Postgres and S3",
}


@dataclass(frozen=True)
class Question:
    """A search that shows something, and what it shows."""

    shows: str
    query: str
    where: str | None = None
    mode: str = "hybrid"
    limit: int = 3

    @property
    def typed(self) -> str:
        """The command that asks it."""
        words = ["bictl search", f"'{self.query}'", "--active", "-n", str(self.limit)]
        words += ["--where", f"'{self.where}'"] if self.where else []
        return " ".join([*words, *(["--mode", self.mode] if self.mode != "hybrid" else [])])


def demo(
    context: typer.Context,
    products: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000_000, help="How many products there are.")
    ] = 5_000,
    changes: Annotated[
        int, typer.Option(metavar="N", min=0, max=100_000, help="How many changes follow.")
    ] = 300,
    jvm: Annotated[bool, typer.Option("--jvm", help=stack.JVM_HELP)] = False,
) -> None:
    """Start the embedded services, publish a product catalogue as SQL Server change events, and
    carry it all the way: ingest, load-bronze, transform, embed, a few searches, verify.

    Run again, it goes on where it was: new changes flow through, nothing is done twice. It works
    on its own services and data only, whatever is configured; `bictl stack down` ends them.

    With --jvm the changes are real: a source database is filled, Debezium takes its snapshot and
    then captures transactions that insert, update, delete, change keys and roll back; also shown is
    how long a commit takes to the topic and to staging. It needs what `bictl stack up --jvm` needs.

    Examples:

      bictl demo
      bictl demo --products 61443          # the whole catalogue
      bictl demo --jvm                     # from a live database, through a real Kafka
      bictl stack down --purge             # end it and remove its data
    """
    with session(context) as here:
        running = stack.start(here, jvm=jvm)
        is_live = running.jvm
        here.stop.on_first = lambda: here.screen.say(
            f"stopping: the batch at work is finished first; once more stops now; "
            f"{stack.STILL_RUNNING}"
        )
        _use(here, running)
        here.screen.say(f"{'stack':<12}{_UP[is_live]} are up")
        captured = _capture(here, running, products, changes) if is_live else None
        published = captured.published if captured else _publish(here, running, products, changes)
        code, steps = _run(here)
        worked = code in (0, 3)
        latency = _measure(here, running, captured) if captured and worked else None
        results = _search(here) if worked else []
        report = _verify(here)
        _show(here, published, steps, results, report, {"latency": latency} if latency else {})
        code = code or report.exit_code
        here.screen.say(_next(running) if code == 0 else _again(is_live))
    raise typer.Exit(code)


def _use(here: Session, running: "Stack") -> None:
    """The stack's own configuration and nothing else: a demo never touches configured services."""
    from bictl.settings import load

    environment = {"BICTL_STATE_DIR": str(running.state_dir)}
    here.use(load(config=str(running.configuration), environment=environment))


def _capture(here: Session, running: "Stack", products: int, changes: int) -> live.Captured:
    return live.capture(here, running, here.settings.table(TABLE), products, changes)


def _measure(here: Session, running: "Stack", captured: live.Captured) -> dict[str, Any]:
    first = captured.published.first
    return live.measure(here, running, here.settings.table(TABLE), first)


def _publish(here: Session, running: "Stack", products: int, changes: int) -> "Published":
    from bictl.local.publish import publish

    with here.screen.progress() as on_progress:
        published = publish(
            here.clients.reader,
            here.settings.kafka,
            directory=running.directory,
            topic=here.settings.table(TABLE).topic,
            products=products,
            changes=changes,
            on_progress=on_progress,
            stop=here.stop,
        )
    here.stop.check()
    here.screen.say(f"{'publish':<12}{_published(published)}")
    return published


def _published(published: "Published") -> str:
    counts = published.changes
    said = [f"{published.next - published.first:,} records"]
    if published.resumed:
        return f"{said[0]}, the rest of an earlier demo"
    if published.snapshot_rows:
        said.append(f"a snapshot of {published.snapshot_rows:,} products")
    for op, word in (("c", "created"), ("u", "updated"), ("d", "deleted")):
        if counts.get(op):
            said.append(f"{counts[op]:,} {word}")
    return ", ".join(said)


def _run(here: Session) -> "tuple[int, list[dict[str, Any]]]":
    from bictl.pipeline import worst

    steps = run_and_say(here, TABLE)
    here.stop.check()
    rows = [
        {
            "stage": step.stage,
            "state": step.state,
            "seconds": round(step.seconds, 3),
            "summary": step.summary,
        }
        for step in steps
    ]
    return worst(steps), rows


def _search(here: Session) -> "list[tuple[Question, SearchResult]]":
    """A few questions; the second one asks for the vendor code of the first one's best hit."""
    asked = [Question("by meaning", "keep my tea hot on a winter hike")]
    results = [(asked[0], _answer(here, asked[0]))]
    code = next((hit.row["vendor_code"] for hit in results[0][1].hits), None)
    if code:
        asked.append(Question("an exact vendor code", code, limit=1))
    asked += [
        Question("by meaning, with a condition", "charge my phone in a power cut", "price < 60"),
        Question("by a Ukrainian word", "насос", mode="keyword"),
        Question("by a German word", "Bohrhammer", mode="keyword"),
    ]
    return results + [(question, _answer(here, question)) for question in asked[1:]]


def _answer(here: Session, question: Question) -> "SearchResult":
    from bictl.search import search as find

    return find(
        here.clients.database,
        here.clients.query_encoder,
        table=here.settings.table(TABLE),
        staging_schema=here.settings.dbt.view_schema,
        query=question.query,
        where=question.where,
        active=True,
        mode=question.mode,
        limit=question.limit,
    )


def _verify(here: Session) -> "Report":
    from bictl import pipeline

    with here.screen.progress() as on_progress:
        report = pipeline.verify(here.work(on_progress), here.settings.table(TABLE))
    here.stop.check()
    return report


def _show(
    here: Session,
    published: "Published",
    steps: Sequence[dict[str, Any]],
    results: "Sequence[tuple[Question, SearchResult]]",
    report: "Report",
    more: dict[str, Any],
) -> None:
    """One document for programs; for people the searches and then the verdict."""
    from bictl.verify.present import as_document

    if here.options.quiet and not here.options.output:
        verdict.complain(here, [report])
        return
    table = here.settings.table(TABLE)
    views = [(question, search.view_of(result, table)) for question, result in results]
    if here.screen.format in ("json", "jsonl"):
        here.screen.show(_document(published, steps, views, as_document(report), more))
        return
    if here.screen.format == "table":
        for question, view in views:
            if view.rows:  # a small catalogue has no answer to some
                here.screen.show(replace(view, title=f"{question.shows}: {question.typed}"))
    verdict.show_tables(here, [report])


def _document(
    published: "Published",
    steps: Sequence[dict[str, Any]],
    views: Sequence[tuple[Question, View]],
    judged: dict[str, Any],
    more: dict[str, Any],
) -> View:
    return View(
        schema="bictl.demo/1",
        columns=(),
        rows=steps,
        rows_key="steps",
        extra={
            "published": {
                "topic": published.topic,
                "first": published.first,
                "next": published.next,
                "resumed": published.resumed,
            },
            "searches": [{**view.extra, "hits": list(view.rows)} for _, view in views],
            "verify": judged,
            **more,
        },
    )


def _again(is_live: bool) -> str:
    return f"""\
next:
  bictl stack status        # what runs
  bictl demo{_JVM[is_live]}# again: it starts what does not, and goes on where it stopped"""


def _next(running: "Stack") -> str:
    """What to type now; with a configuration of one's own, the stack's has to be named."""
    from bictl.settings import find_config

    used, is_local = find_config()
    program = "bictl" if used is None or is_local else f"bictl --config {running.configuration}"
    return "\n".join(
        (
            "next:",
            f"  {program} search 'a gift for somebody who cycles' --where 'price < 40'",
            f"  {program} verify              # every check",
            f"  bictl demo{_JVM[running.jvm]}# again: new changes flow through",
            "  bictl stack down          # end the services; --purge removes the data",
        )
    )


app = single(demo)
