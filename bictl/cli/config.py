"""bictl config: show, check, write the configuration."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import Command, group
from bictl.cli.session import session
from bictl.cli.view import Column, View
from bictl.errors import ConfigError

if TYPE_CHECKING:
    from bictl.settings import Settings

app = group("Show, check or write the configuration.")

COLUMNS = (Column("key"), Column("value"), Column("source"))


@app.callback()
def config() -> None:
    """Show, check or write the configuration."""


@app.command(cls=Command)
def show(context: typer.Context) -> None:
    """Show every value, where it came from, and which file was read; secrets are masked.

    Examples:

      bictl config show
      bictl --profile staging config show
      bictl config show --json | jq -r '.settings[] | select(.source != "default").key'
    """
    from bictl.settings.explain import explain

    with session(context) as here:
        settings = here.settings
        here.screen.show(
            View(
                schema="bictl.config/1",
                columns=COLUMNS,
                rows=[
                    {"key": value.key, "value": value.shown, "source": value.source}
                    for value in explain(settings)
                ],
                rows_key="settings",
                extra={
                    "path": settings.path,
                    "profile": settings.profile,
                    "local_stack": settings.local_stack,
                    "state_dir": settings.state_dir,
                },
            )
        )
        here.screen.say(_origin(settings))


@app.command(cls=Command)
def validate(context: typer.Context) -> None:
    """Check the configuration, its profiles and the files and commands of its secrets.

    No service is asked; `bictl doctor` does that. Exit code: 0 legal, 2 not.

    Examples:

      bictl config validate
      bictl --config /etc/bictl/config.toml --profile staging config validate
    """
    from bictl.settings.explain import secrets

    with session(context) as here:
        for secret in secrets(here.settings):
            secret.reveal()
        here.screen.say(f"{_origin(here.settings)}: legal")


@app.command(cls=Command)
def init(
    context: typer.Context,
    path: Annotated[
        str, typer.Argument(metavar="[FILE]", help="Where the file is written.")
    ] = "bictl.toml",
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Write to stdout instead of a file.")
    ] = False,
) -> None:
    """Write a commented configuration with every key and its default.

    The file can be read by its owner only, since passwords may be put into it.

    Examples:

      bictl config init
      bictl config init ~/.config/bictl/config.toml
      bictl config init --stdout | less
    """
    from bictl.settings.template import template

    with session(context) as here:
        if stdout:
            here.screen.write(template().rstrip())
            return
        target = Path(path).expanduser()
        _write(target, template(), force=force)
        here.screen.say(f"wrote {target}; next: put your services in, then `bictl doctor`")


@app.command(cls=Command)
def path(context: typer.Context) -> None:
    """Print the path of the file that is used, or the places where one is looked for.

    Examples:

      bictl config path
      $EDITOR "$(bictl config path)"
    """
    from bictl.settings import config_paths, find_config

    with session(context) as here:
        used, _ = find_config(here.options.config)
        if used is not None:  # it may be one that cannot be read: this is how to find and mend it
            here.screen.write(str(used.absolute()))
            return
        places = ", ".join(str(place) for place in config_paths())
        raise ConfigError(
            f"there is no configuration file; looked for {places}", hint="bictl config init"
        )


def _write(target: Path, text: str, *, force: bool) -> None:
    """Creates the file with mode 0600; a link in its place is not followed."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                stream.write(text)
            if force:
                temporary.replace(target)
            else:
                target.hardlink_to(temporary)  # fails when the target exists, in one step
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        hint = "give another FILE, look at it with --stdout, or replace it with --force"
        raise ConfigError(f"{target} is there already", hint=hint) from None
    except OSError as error:
        raise ConfigError(
            f"cannot write {target}: {error.strerror}", hint="give another FILE, or use --stdout"
        ) from None


def _origin(settings: "Settings") -> str:
    if settings.path is None:
        return "no configuration file: defaults and environment"
    stack = ", the local stack's own" if settings.local_stack else ""
    profile = f", profile {settings.profile}" if settings.profile else ""
    return f"{settings.path}{stack}{profile}"
