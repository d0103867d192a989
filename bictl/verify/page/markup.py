"""Elements as text. What is not `Markup` is text from somewhere: it is escaped, and made inert."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import TypeAlias

from bictl.inert import inert

Attributes: TypeAlias = Mapping[str, str | int | float | None]
_EMPTY = {"meta", "link", "rect", "line", "path", "circle", "br", "hr", "col"}
SHORT = 400  # characters of a text from somewhere that a page shows at one place


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


NOTHING = Markup("")


def text(value: object) -> Markup:
    """Anything as characters of the page."""
    if isinstance(value, Markup):
        return value
    return Markup(escape(inert(str(value)), quote=True))


def tag(name: str, attributes: Attributes, *content: object) -> Markup:
    """One element; an attribute that is None is left out, a number is cut to what is seen."""
    said = "".join(
        f' {key}="{text(_plain(value))}"' for key, value in attributes.items() if value is not None
    )
    if name in _EMPTY and not content:
        return Markup(f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{''.join(map(text, content))}</{name}>")


def many(parts: Iterable[Markup]) -> Markup:
    """One after the other."""
    return Markup("".join(parts))


def _plain(value: str | int | float | None) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def short(value: str) -> str:
    """A text that may be of any length, as far as a page shows it."""
    return value if len(value) <= SHORT else f"{value[:SHORT]}… ({len(value):,} characters)"


def count(number: int) -> str:
    """`61,443`."""
    return f"{number:,}"


def seconds(value: float) -> str:
    """A duration for people: `0.5 s`, `3 min 2 s`, `2 h 5 min`, `3 d 4 h`."""
    if value < 0:
        return f"-{seconds(-value)}"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            return f"{whole // size:,} {unit} {whole % size // part} {smaller}"
    return f"{whole // 60} min {whole % 60} s"
