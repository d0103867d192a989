"""Where sql/, dbt/ and infra/ are: beside the package in a checkout, inside it in a wheel."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def path(*parts: str) -> Path:
    """The path of a shipped file, e.g. `path("sql", "migrations")`."""
    bundled = _PACKAGE / "_assets"
    return (bundled if bundled.is_dir() else _PACKAGE.parent).joinpath(*parts)


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql`, e.g. `sql("bronze/insert")`."""
    return path("sql", f"{name}.sql").read_text(encoding="utf-8")
