"""The T-SQL that makes SQL Server capture tables: put together here, run by a person."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bictl import assets
from bictl.cdc.source.catalogue import Place
from bictl.cdc.source.quote import bracketed, text

WEEK = 7 * 24 * 60
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to stand: a gating role for the changes, the login that reads them, and for how many
    minutes they are kept."""

    role: str | None = None
    login: str | None = None
    minutes: int = WEEK


def script(places: Sequence[Place], wish: Wish) -> str:
    """The whole script for sqlcmd or Management Studio: batches between lines that say `go`.

    Raises UsageError for a name that SQL Server cannot have.
    """
    return "\n".join(
        part
        for database in dict.fromkeys(place.database for place in places)
        for part in _parts(database, [one for one in places if one.database == database], wish)
    )


def _parts(database: str, places: Sequence[Place], wish: Wish) -> Iterable[str]:
    here = {"database": bracketed(database), "words": database, "minutes": str(wish.minutes)}
    yield _filled("enable_database", here)
    for place in places:
        yield _filled("enable_table", {**_table(place), "role": _role(wish.role)})
    yield _filled("enable_retention", here)
    if wish.login:
        yield _rights(places, wish.login, wish.role)
    yield _filled("enable_done", here)


def _rights(places: Sequence[Place], login: str, role: str | None) -> str:
    who = {"login": bracketed(login), "login_text": text(login), "words": login}
    parts = [_filled("enable_login", who)]
    parts += [_filled("enable_grant", {**who, **_table(place)}) for place in places]
    if role:
        parts.append(_filled("enable_member", {**who, "role_name": bracketed(role)}))
    return "".join([*parts, _filled("enable_server", who)])


def _table(place: Place) -> dict[str, str]:
    found = bracketed(place.schema, place.table)
    return {
        "words": f"{place.schema}.{place.table}",
        "object": found,
        "object_text": text(found),
        "schema_text": text(place.schema),
        "table_text": text(place.table),
    }


def _role(role: str | None) -> str:
    return text(role) if role else "null"


def _filled(name: str, words: dict[str, str]) -> str:
    """The file's text with each `{placeholder}` in its place, filled once and never looked at
    again: a name may hold braces."""
    return _PLACEHOLDER.sub(lambda found: words[found[1]], assets.sql(f"sqlserver/{name}"))
