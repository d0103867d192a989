"""The command tree: what stands in `bictl --help`, and how a command is found when it is called.

A command's module is imported only when the command runs, so `--help` costs one file.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from bictl import __version__

FORMATS = ("table", "tsv", "json", "jsonl")
VERDICT_FORMATS = ("nagios", "prometheus", "html")


@dataclass
class Options:
    """What was said before the command's name, or by `-o --json -q -v` behind it."""

    config: str | None = None
    profile: str | None = None
    output: str | None = None
    quiet: bool = False
    verbose: int = 0
    color: bool = True
    progress: bool = True
    log_format: str = "text"
    timeout: float | None = None
    debug: bool = False


@dataclass(frozen=True)
class Entry:
    """A command's place in the tree: its module, its panel and its line in `bictl --help`."""

    module: str
    panel: str
    line: str


PIPELINE, LOOK, OPERATE = "Pipeline, in flow order", "Look", "Operate"
COMMANDS = {
    "run": Entry("run", PIPELINE, "All stages, for every table: ingest to embed."),
    "ingest": Entry("ingest", PIPELINE, "Kafka → objects: seal what the topic holds, then exit."),
    "load-bronze": Entry("load_bronze", PIPELINE, "Objects → bronze: one transaction an object."),
    "transform": Entry("transform", PIPELINE, "Bronze → staging: run and test the dbt models."),
    "embed": Entry("embed", PIPELINE, "Staging → vectors: only what changed."),
    "search": Entry("search", LOOK, "Find products by meaning, by word, by vendor code."),
    "verify": Entry(
        "verify", LOOK, "Prove every boundary, or name the exact range that is missing."
    ),
    "trace": Entry("trace", LOOK, "One record in every layer, by its key or its offset."),
    "cdc": Entry(
        "cdc", LOOK, "The source's connector: what it does, how far it is, changes to it."
    ),
    "status": Entry("status", LOOK, "One screen a table: how far it is, and what ran last."),
    "runs": Entry("runs", LOOK, "What ran, when, how it ended, and what it said."),
    "doctor": Entry("doctor", LOOK, "Probe everything that bictl's promises depend on."),
    "demo": Entry("demo", OPERATE, "The whole pipeline on this machine, with sample data."),
    "stack": Entry("stack", OPERATE, "The embedded services: up, down, status."),
    "migrate": Entry("migrate", OPERATE, "Create or upgrade bictl's tables in Postgres."),
    "repair": Entry("repair", OPERATE, "Do what is safe about the failures that verify finds."),
    "prune": Entry("prune", OPERATE, "Remove from bronze what newer records have replaced."),
    "tables": Entry("tables", OPERATE, "The carried tables: add, list, follow the source."),
    "quarantine": Entry(
        "quarantine", OPERATE, "The records that bronze could not hold: list, show, retry."
    ),
    "ack": Entry("ack", OPERATE, "Acknowledge a loss, a recreated topic or a refusal."),
    "config": Entry("config", OPERATE, "Show, check or write the configuration."),
}


def options(context: Any) -> Options:
    """The options of this run, kept on the root context."""
    found: Options = context.find_root().ensure_object(Options)
    return found


class Command(TyperCommand):
    """A command that also takes -o, --json, -q and -v behind its name."""

    formats: tuple[str, ...] = FORMATS

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.params = [*self.params, *_common_options(self.formats)]
        self.help = _unwrapped(self.help or "")


def _unwrapped(text: str) -> str:
    """Paragraphs as one line each, so that they fill the terminal; indented lines stay."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        part if part.startswith(" ") else part.replace("\n", " ") for part in paragraphs
    )


class VerifyCommand(Command):
    """verify has more forms: a verdict is also for monitors and for people's browsers."""

    formats = (*FORMATS, *VERDICT_FORMATS)


def _common_options(formats: tuple[str, ...]) -> list[Any]:
    panel = "Output"
    return [
        _option(["-o", "--output"], _set_output(formats), panel, metavar="|".join(formats),
                help="How the result is written; on a terminal a table, else tab-separated lines."),
        _option(["--json"], _set_json, panel, flag=True, help="The same as -o json."),
        _option(["-q", "--quiet"], _set_quiet, panel, flag=True, help="Silent on success."),
        _option(["-v", "--verbose"], _set_verbose, panel, flag=True, help="Say more."),
    ]  # fmt: skip


def _option(
    names: list[str],
    callback: Callable[[Any, Any, Any], None],
    panel: str,
    *,
    help: str,
    metavar: str | None = None,
    flag: bool = False,
) -> TyperOption:
    return TyperOption(
        param_decls=names,
        is_flag=flag,
        default=False if flag else None,
        metavar=metavar,
        callback=callback,
        expose_value=False,
        help=help,
        rich_help_panel=panel,
    )


def _set_output(formats: tuple[str, ...]) -> Callable[[Any, Any, str | None], None]:
    def set_output(context: Any, _parameter: Any, value: str | None) -> None:
        if value is None:
            return
        if value not in formats:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(formats)}.")
        options(context).output = value

    return set_output


def _set_json(context: Any, _parameter: Any, value: bool) -> None:
    if value:
        options(context).output = "json"


def _set_quiet(context: Any, _parameter: Any, value: bool) -> None:
    if value:
        options(context).quiet = True


def _set_verbose(context: Any, _parameter: Any, value: bool) -> None:
    if value:
        options(context).verbose += 1


class Tree(TyperGroup):
    """Lists every command from COMMANDS and imports one only when it is called."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._listing = False
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.line, rich_help_panel=entry.panel))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """One line a command, without importing it."""
        self._listing = True
        super().format_help(ctx, formatter)

    def list_commands(self, ctx: Any) -> list[str]:
        """In flow order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command itself when it is called, its line when it is listed."""
        if self._listing or cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"bictl.cli.{COMMANDS[cmd_name].module}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


def nagios_or(code: int, options: Options, message: str) -> int:
    """The exit code; a monitor is told UNKNOWN (3) for whatever is not a verdict."""
    if options.output != "nagios":
        return code
    typer.echo(f"BICTL UNKNOWN - {message}")
    return 3


def single(function: Callable[..., None], *, cls: type[Command] = Command) -> typer.Typer:
    """The app of a module that holds one command."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(cls=cls)(function)
    return app


def group(help: str) -> typer.Typer:
    """The app of a module that holds several; register them with `@app.command(cls=Command)`."""
    return typer.Typer(
        add_completion=False, rich_markup_mode="rich", no_args_is_help=True, help=help
    )


class _WithDefault(TyperGroup):
    """A group that is a command too, with the options that commands take behind their name."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.params = [*self.params, *_common_options(FORMATS)]


def group_with_default(help: str) -> typer.Typer:
    """The app of a module whose commands are looked up so often that one of them needs no name;
    its callback runs that one when `context.invoked_subcommand` is None."""
    return typer.Typer(
        cls=_WithDefault,
        add_completion=False,
        rich_markup_mode="rich",
        invoke_without_command=True,
        help=help,
    )


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"bictl {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Tree,
    name="bictl",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`bictl demo` shows all of it on this machine; `bictl COMMAND --help` ends in examples.",
)


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help="The configuration file.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="A section of the file's profiles.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FORMAT", help="table, tsv, json or jsonl."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Silent on success.")] = False,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="Say more; -vv shows the clients.")
    ] = 0,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="No progress.")] = False,
    log_format: Annotated[
        str, typer.Option(metavar="text|json", help="How log lines are written.")
    ] = "text",
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.1, help="Give up after this long, with code 4."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Carry every change of a SQL Server table into a searchable Postgres, and prove it."""
    if output in VERDICT_FORMATS and context.invoked_subcommand not in ("verify", None):
        raise typer.BadParameter(f"-o {output} is a form of `bictl verify` only.")
    if output and output not in (*FORMATS, *VERDICT_FORMATS):
        raise typer.BadParameter(f"{output!r} is not one of {', '.join(FORMATS)}.")
    if log_format not in ("text", "json"):
        raise typer.BadParameter(f"{log_format!r} is not text or json.")
    context.obj = Options(
        config=config,
        profile=profile,
        output="json" if json else output,
        quiet=quiet,
        verbose=verbose,
        color=not no_color,
        progress=not no_progress,
        log_format=log_format,
        timeout=timeout,
        debug=debug,
    )
