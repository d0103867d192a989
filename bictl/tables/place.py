"""Where a table's files go: the dbt project that is written to, and the changes of files."""

import difflib
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bictl import assets, settings
from bictl.errors import ConfigError
from bictl.settings import Settings, Table

MACROS = "DBT_BICTL_MACROS"  # the variable by which bictl hands over the macros of its version
_PROJECT = """\
# The staging models that `bictl tables` writes; change them as you like. The macros are bictl's: it
# hands over those of the version at work, and dbt by hand takes them from where it was installed.
name: bictl
version: "1.0.0"
config-version: 2

profile: bictl

model-paths: [models]
macro-paths: [macros, "{{{{ env_var('{variable}', '{macros}') }}}}"]
test-paths: [tests]

flags:
  send_anonymous_usage_stats: false

models:
  bictl:
    staging:
      +schema: staging
      +materialized: view
"""
_HEADER = re.compile(r"(?m)^[ \t]*\[[ \t]*dbt[ \t]*\][ \t]*(#.*)?\n")


@dataclass(frozen=True)
class Change:
    """One file: its text before (None where it is not there) and after."""

    path: Path
    before: str | None
    after: str

    @property
    def word(self) -> str:
        """created, changed or unchanged."""
        if self.before is None:
            return "created"
        return "unchanged" if self.before == self.after else "changed"

    def diff(self) -> str:
        """A unified diff; "" where nothing changes."""
        old = (self.before or "").splitlines(keepends=True)
        there = str(self.path) if self.before is not None else "/dev/null"
        lines = difflib.unified_diff(
            old, self.after.splitlines(keepends=True), fromfile=there, tofile=str(self.path)
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> None:
        """Writes the file in one step, with the rights that it had."""
        if self.word == "unchanged":
            return
        target = self.path.resolve()  # a link stays one
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(self.after, encoding="utf-8")
            if target.exists():
                kept = target.stat()
                temporary.chmod(kept.st_mode & 0o7777)
                if (kept.st_uid, kept.st_gid) != (os.geteuid(), os.getegid()):
                    os.chown(temporary, kept.st_uid, kept.st_gid)
            temporary.replace(target)
        except OSError as error:
            raise ConfigError(
                f"cannot write {target}: {error.strerror}",
                hint=f"give this user the right to write {target.parent}",
            ) from None
        finally:
            temporary.unlink(missing_ok=True)


def change(path: Path, after: str) -> Change:
    """The change that gives the file this text."""
    return Change(path, path.read_text(encoding="utf-8") if path.is_file() else None, after)


def config_path(found: Settings) -> Path:
    """The configuration in use; ConfigError where there is none to write to."""
    if found.path is None:
        raise ConfigError(
            "there is no configuration file to add a table to", hint="bictl config init"
        )
    return found.path


def project_dir(found: Settings) -> Path:
    """The dbt project that new models go to."""
    if found.dbt.project_dir:
        return Path(found.dbt.project_dir).expanduser().absolute()
    return config_path(found).absolute().parent / "dbt"


def project_changes(project: Path, tables: Iterable[Table]) -> list[Change]:
    """What makes the directory a dbt project with our macros, with the shipped models of those
    tables; [] where it is one."""
    described = project / "dbt_project.yml"
    if described.is_file():
        _check_macros(project, described.read_text(encoding="utf-8"))
        return []
    if project.exists() and any(project.iterdir()):
        raise ConfigError(
            f"{project} is there and is no dbt project",
            hint='name a directory of its own: [dbt] project_dir = "…"',
        )
    text = _PROJECT.format(variable=MACROS, macros=assets.path("dbt", "macros"))
    return [Change(described, None, text), *(_copy(project, file) for file in _shipped(tables))]


def _shipped(tables: Iterable[Table]) -> list[Path]:
    """bictl's own files of the tables that have a shipped model."""
    models = assets.path("dbt", "models")
    found = [file for table in tables for file in models.rglob(f"{table.staging}.sql")]
    folders = [file for model in found for file in sorted(model.parent.iterdir())]
    return [*folders, models / "sources.yml"] if found else []


def _copy(project: Path, file: Path) -> Change:
    inside = file.relative_to(assets.path("dbt"))
    return Change(project / inside, None, file.read_text(encoding="utf-8"))


def _check_macros(project: Path, described: str) -> None:
    is_named = re.search(r"""(?m)^name:\s*["']?bictl["']?\s*$""", described)
    has_macros = MACROS in described or any(project.glob("macros/**/cdc_table.sql"))
    if not (is_named and has_macros) and not (project / "dbt_packages" / "bictl").exists():
        raise ConfigError(
            f"{project} does not know bictl's macros",
            hint=f"take bictl's dbt project as a package of it (packages.yml: local:"
            f" {assets.path('dbt')}, then dbt deps), or name another directory as [dbt]"
            " project_dir",
        )


def knows_source(project: Path, bronze: str) -> bool:
    """Whether the project already describes that bronze table as a source."""
    bare = re.escape(bronze.partition(".")[2])
    entry = re.compile(rf"""(?m)^\s*-\s*name:\s*["']?{bare}["']?\s*(#.*)?$""")
    files = [*project.glob("models/**/*.yml"), *project.glob("models/**/*.yaml")]
    return any(entry.search(file.read_text(encoding="utf-8")) for file in files)


def config_change(found: Settings, section: str, *, name: str, project: Path) -> Change:
    """The configuration with a table's section behind everything else, its comments as they are.

    ConfigError where the file is written so that lines cannot be added to it.
    """
    path = config_path(found)
    text = path.read_text(encoding="utf-8")
    old = tomllib.loads(text)
    new = text if text.endswith("\n") or not text else f"{text}\n"
    if not found.dbt.project_dir:
        new = _with_project(new, project)
    if "tables" not in old:  # product is there by default, as long as no table is named
        new += "\n[tables.product]\n"
    new += f"\n{section}"
    _check(found, old, new, name, section)
    return Change(path, text, new)


def project_config_change(found: Settings, project: Path) -> Change:
    """The configuration with the directory as its dbt project."""
    text = config_path(found).read_text(encoding="utf-8")
    named = tomllib.loads(text).get("dbt", {}).get("project_dir")
    return Change(config_path(found), text, text if named else _with_project(text, project))


def _with_project(text: str, project: Path) -> str:
    line = f'project_dir = "{_basic(str(project))}"\n'
    header = _HEADER.search(text)
    if header is None:
        return f"{text}\n[dbt]\n{line}"
    said = re.compile(r"(?m)^#[ \t]*project_dir[ \t]*=.*\n").search(text, header.end())
    following = re.compile(r"(?m)^[ \t]*\[").search(text, header.end())
    inside = said is not None and (following is None or said.start() < following.start())
    at = said.end() if said is not None and inside else header.end()
    return f"{text[:at]}{line}{text[at:]}"


def _check(found: Settings, old: dict[str, Any], new: str, name: str, section: str) -> None:
    """The new text says what the old one said and the table, and is legal as a whole."""
    by_hand = f"add to it by hand:\n{section}"
    try:
        document = tomllib.loads(new)
        added = document.get("tables", {}).pop(name)
        changed = {key for key in {*old, *document} if old.get(key) != document.get(key)}
    except (tomllib.TOMLDecodeError, KeyError, AttributeError):
        added, changed = None, set()
    if added is None or not changed <= {"dbt", "tables"}:
        raise ConfigError(f"{found.path} cannot be added to as it is written", hint=by_hand)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "bictl.toml")
        copy.touch(mode=0o600)
        copy.write_text(new, encoding="utf-8")
        try:
            settings.load(config=str(copy), profile=found.profile)
        except ConfigError as error:
            message = error.message.replace(str(copy), str(found.path))
            raise ConfigError(message, hint=error.hint) from None


def _basic(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def write_all(changes: Iterable[Change]) -> None:
    """Each file in one step, in this order: what names the others comes last."""
    for one in changes:
        one.write()
