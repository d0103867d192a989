"""The demo's products: deterministic from a seed and an ID, in three languages, with gaps.

The words are in catalogue.toml. Decimals are whole numbers of their last digit, as SQL Server
stores them: prices and sizes of 0.0001, volumes of 0.000001.
"""

import random
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Value = TypeVar("Value")
_GAP = {"code": 0.04, "text": 0.07, "weight": 0.06, "side": 0.05, "price": 0.03, "parent": 0.03}
_FACTS = {
    "en": ("Two-year warranty.", "Spare parts for ten years.", "Made in Europe.", ""),
    "de": ("Zwei Jahre Garantie.", "Ersatzteile für zehn Jahre.", ""),
    "uk": ("Гарантія два роки.", "Запчастини доступні десять років.", ""),
}
_ENDINGS = (9900, 9900, 9000, 4900, 5000, 0, 1275)  # how a price ends, in 0.0001
_EPOCH_2019, _SECONDS_TO_2024 = 1_546_300_800, 5 * 365 * 86_400


class Product(NamedTuple):
    """One row of dbo.Product. `created` is in nanoseconds, `updated` in milliseconds."""

    id: int
    name: str
    vendor_code: str | None
    description: str | None
    weight: int | None
    length: int | None
    width: int | None
    height: int | None
    volume: int | None
    price: int | None
    is_active: bool
    category_id: int | None
    manufacturer_id: int | None
    created: int
    updated: int | None


@dataclass(frozen=True)
class Catalogue:
    """Every product that the demo can have; the same seed and ID give the same product."""

    seed: int = 1

    def product(self, id: int) -> Product:
        """The product as it is when it is first seen."""
        chance = random.Random(self.seed * 1_000_003 + id)  # noqa: S311 (not for secrets)
        words = _words()
        number = chance.randrange(len(words["kind"]))
        kind = words["kind"][number]
        brand_number = chance.randrange(len(words["brand"]))
        brand = words["brand"][brand_number]
        name, description = _texts(chance, kind, brand["name"])
        length, width, height = (_side(chance, side) for side in kind["size"])
        return Product(
            id=id,
            name=name,
            vendor_code=_unless(chance, "code", _code(chance, brand["codes"])),
            description=_unless(chance, "text", description),
            weight=_unless(chance, "weight", _around(chance, kind["weight"] * 10_000)),
            length=length,
            width=width,
            height=height,
            volume=_volume(length, width, height),
            price=_unless(chance, "price", _price(chance, kind["price"])),
            is_active=chance.random() < 0.93,
            category_id=_unless(chance, "parent", kind["category_id"]),
            manufacturer_id=_unless(chance, "parent", brand_number + 1),
            created=_created(chance),
            updated=None,
        )


def repriced(product: Product, chance: random.Random) -> int:
    """Another price, within a fifth of the old one."""
    return round((product.price or 100_000) * chance.uniform(0.8, 1.2) / 100) * 100


def category_ids() -> dict[str, int]:
    """The categories by name; they are numbered in the file's order."""
    return dict(_words()["categories"])


@cache
def _words() -> dict[str, Any]:
    text = Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    words = tomllib.loads(text)
    categories: dict[str, int] = {}
    for kind in words["kind"]:
        kind["category_id"] = categories.setdefault(kind["category"], len(categories) + 1)
    return {**words, "categories": categories}


def _texts(chance: random.Random, kind: dict[str, Any], brand: str) -> tuple[str, str]:
    """Name and description: English, or one of the other languages where the kind has it."""
    language = chance.choices(("en", "de", "uk"), (70, 15, 15))[0]
    size = chance.choice(kind["sizes"])
    model = f"{brand} {chance.choice('ACEGLMRSTX')}{chance.randrange(100, 999)}"
    fact = chance.choice(_FACTS[language if language in kind else "en"])
    if language in kind:
        name, says = kind[language]
        return f"{name} {size}, {model}", f"{says} {fact}".strip()
    form = chance.choice(kind["forms"])
    says = " ".join(kind["says"]) if chance.random() < 0.3 else chance.choice(kind["says"])
    return f"{kind['name']} {size}, {form}, {model}", f"{says} {fact}".strip()


def _code(chance: random.Random, patterns: list[str]) -> str:
    """A vendor code of the brand: `#` is a digit, `@` a letter."""
    return "".join(
        str(chance.randrange(10))
        if sign == "#"
        else chance.choice("ABCDEFGHKLMNPRSTUVWXYZ")
        if sign == "@"
        else sign
        for sign in chance.choice(patterns)
    )


def _price(chance: random.Random, usual: float) -> int:
    whole = int(usual * chance.lognormvariate(0, 0.45))
    return whole * 10_000 + chance.choice(_ENDINGS) or 4_900


def _around(chance: random.Random, usual: float) -> int:
    return max(1, round(usual * chance.uniform(0.75, 1.3)))


def _side(chance: random.Random, millimetres: int) -> int | None:
    return _unless(chance, "side", _around(chance, millimetres) * 10_000)


def _volume(*sides: int | None) -> int | None:
    """Cubic metres from millimetres, in 0.000001."""
    length, width, height = sides
    if length is None or width is None or height is None:
        return None
    return round(length * width * height / 10**15)


def _created(chance: random.Random) -> int:
    """A datetime2(7) of 2019 to 2023: nanoseconds, the last two digits 0."""
    ticks = chance.randrange(_SECONDS_TO_2024 * 10_000_000)
    return _EPOCH_2019 * 10**9 + ticks * 100


def _unless(chance: random.Random, gap: str, value: Value) -> Value | None:
    return None if chance.random() < _GAP[gap] else value
