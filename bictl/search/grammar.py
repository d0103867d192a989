"""`--where`: a small language of conditions on typed columns; values are parameters, always.

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" condition ")" | column [ comparison ]
    comparison = ("=" | "!=" | "<" | "<=" | ">" | ">=") value | ("~" | "!~") text
               | ["not"] "in" "(" value { "," value } ")"
               | ["not"] "between" value "and" value | "is" ["not"] "null"

A column alone must be a boolean; `~` means "contains", whatever the case. Texts and times stand in
single or double quotes. A row without a value matches only `is null`, as in SQL.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

from bictl.errors import NotFound, UsageError

LONGEST = 2_000  # characters
_DEEPEST = 50
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>-?(?:[0-9]{1,40}(?:\.[0-9]{1,40})?|\.[0-9]{1,40})(?![0-9A-Za-z_.]))
      | (?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*")
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign><=|>=|<>|!=|!~|==|[=<>~(),])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_COMPARE = {"=": "=", "==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_CONTAINS = {"~": "ilike", "!~": "not ilike"}
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "between", "true", "false"}
_KINDS = {
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8"), "number"),
    **dict.fromkeys(("text", "varchar", "bpchar"), "text"),
    **dict.fromkeys(("timestamp", "timestamptz", "date"), "time"),
    "bool": "boolean",
}
_WANTED = {
    "number": "a number",
    "text": "a text in quotes",
    "time": "a time in quotes, e.g. '2026-01-31' or '2026-01-31T08:00'",
    "boolean": "true or false",
}
EXAMPLE = (
    """e.g. --where 'price < 20 and category_id in (3, 4) and name ~ "pump" and not is_active'"""
)


@dataclass(frozen=True)
class Condition:
    """SQL made of the grammar's own words: `{column_0} < %(value_0)s`; nothing of the user's text.

    `columns` are the names behind its columns, `values` the parameters.
    """

    sql: str
    columns: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str, types: Mapping[str, str], *, where: str = "") -> Condition:
    """The condition behind `text`; `types` maps each column to its Postgres type's name.

    Raises UsageError with the place of what is wrong, NotFound for an unknown column (`where` says
    of what).
    """
    if len(text) > LONGEST:
        raise UsageError(f"--where takes {LONGEST} characters at most, got {len(text)}")
    return _Parser(text, types, where).parse()


class _Parser:
    def __init__(self, text: str, types: Mapping[str, str], where: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._types, self._where = types, where
        self._columns: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def parse(self) -> Condition:
        sql = self._condition(0)
        if self._token.kind != "end":
            self._fail("'and', 'or' or the end")
        return Condition(sql, self._columns, self._values)

    def _condition(self, depth: int) -> str:
        parts = [self._all(depth)]
        while self._took("or"):
            parts.append(self._all(depth))
        return " or ".join(parts)

    def _all(self, depth: int) -> str:
        parts = [self._one(depth)]
        while self._took("and"):
            parts.append(self._one(depth))
        return " and ".join(parts)

    def _one(self, depth: int) -> str:
        if depth > _DEEPEST:
            raise UsageError(f"--where is nested deeper than {_DEEPEST} levels", hint=EXAMPLE)
        if self._took("not"):
            return f"not ({self._one(depth + 1)})"
        if self._took("("):
            inner = self._condition(depth + 1)
            self._require(")")
            return f"({inner})"
        return self._comparison(*self._column())

    def _column(self) -> tuple[str, str, str]:
        """(name, its placeholder, its kind)."""
        token = self._token
        if token.kind != "word" or token.text.lower() in _KEYWORDS:
            self._fail("a column, 'not' or '('")
        name = token.text if token.text in self._types else token.text.lower()
        if name not in self._types:
            raise NotFound("column", token.text, existing=self._types, where=self._where)
        kind = _KINDS.get(self._types[name])
        if kind is None:
            raise UsageError(f"--where cannot compare {name}, which is {self._types[name]}")
        self._next += 1
        placeholder = f"column_{len(self._columns)}"
        self._columns[placeholder] = name
        return name, f"{{{placeholder}}}", kind

    def _comparison(self, name: str, column: str, kind: str) -> str:
        token = self._token
        if token.text in _COMPARE:
            self._next += 1
            return f"{column} {_COMPARE[token.text]} {self._value(name, kind)}"
        if token.text in _CONTAINS:
            self._next += 1
            return f"{column} {_CONTAINS[token.text]} {self._pattern(name, kind)}"
        if self._took("is"):
            negation = "not " if self._took("not") else ""
            self._require("null")
            return f"{column} is {negation}null"
        negation = "not " if self._took("not") else ""
        if self._took("in"):
            return f"{column} {negation}in {self._list(name, kind)}"
        if self._took("between"):
            low = self._value(name, kind)
            self._require("and")
            return f"{column} {negation}between {low} and {self._value(name, kind)}"
        if kind == "boolean" and not negation:
            return column
        self._fail(f"a comparison of {name}, such as '=' or 'in'")

    def _value(self, name: str, kind: str) -> str:
        return self._parameter(self._read(name, kind))

    def _pattern(self, name: str, kind: str) -> str:
        if kind != "text":
            raise UsageError(f"--where: ~ looks into texts, and {name} is a {kind}", hint=EXAMPLE)
        text = re.sub(r"([\\%_])", r"\\\1", self._read(name, kind))
        return self._parameter(f"%{text}%")

    def _list(self, name: str, kind: str) -> str:
        self._require("(")
        values = [self._read(name, kind)]
        while self._took(","):
            values.append(self._read(name, kind))
        self._require(")")
        return self._parameter(tuple(values))

    def _read(self, name: str, kind: str) -> Any:
        token = self._token
        value = _literal(token, kind)
        if value is None:
            self._fail(f"{_WANTED[kind]} for {name}")
        self._next += 1
        return value

    def _parameter(self, value: Any) -> str:
        key = f"value_{len(self._values)}"
        self._values[key] = value
        return f"%({key})s"

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _took(self, text: str) -> bool:
        token = self._token
        found = token.kind in {"word", "sign"} and token.text.lower() == text
        self._next += found
        return found

    def _require(self, text: str) -> None:
        if not self._took(text):
            self._fail(f"'{text}'")

    def _fail(self, expected: str) -> NoReturn:
        _fail(expected, self._token)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while not tokens or tokens[-1].kind != "end":
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            rest = text[at:].lstrip()
            place = len(text) - len(rest)
            _fail("a column, a value or a comparison", _Token("?", rest[:20], place))
        tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        at = found.end()
    return tokens


def _literal(token: _Token, kind: str) -> Any:
    """The token's value as `kind`, or None when it is not one."""
    if kind == "number" and token.kind == "number":
        return Decimal(token.text) if "." in token.text else int(token.text)
    if kind == "boolean" and token.kind == "word":
        return {"true": True, "false": False}.get(token.text.lower())
    if kind in {"text", "time"} and token.kind == "text":
        quote = token.text[0]
        text = token.text[1:-1].replace(quote * 2, quote)
        return _time(text) if kind == "time" else _storable(text)
    return None


def _storable(text: str) -> str | None:
    """The text, unless Postgres cannot hold it: a NUL, half a surrogate pair."""
    return None if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text) else text


def _time(text: str) -> datetime | None:
    """A time in UTC; one without a zone is meant so."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def _fail(expected: str, token: _Token) -> NoReturn:
    found = "the end" if token.kind == "end" else repr(token.text)
    raise UsageError(
        f"--where: expected {expected} at character {token.at + 1}, got {found}", hint=EXAMPLE
    )
