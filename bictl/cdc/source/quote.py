"""Names of SQL Server's in T-SQL, whatever characters they hold."""

from bictl.errors import UsageError


def bracketed(*parts: str) -> str:
    """`[dbo].[Product]`; a closing bracket inside a name is doubled, as QUOTENAME does."""
    return ".".join(f"[{_plain(part).replace(']', ']]')}]" for part in parts)


def text(value: str) -> str:
    """`N'dbo'`, with quotes doubled."""
    return f"N'{_plain(value).replace(chr(39), chr(39) * 2)}'"


def _plain(name: str) -> str:
    """The name; UsageError for one that SQL Server cannot have, or that would end a comment."""
    if not name or len(name) > 128 or not name.isprintable():
        raise UsageError(
            f"{name!r} is no name of SQL Server's", hint="a name has 1 to 128 printable characters"
        )
    return name
