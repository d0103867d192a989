"""Products for the benches of embed and search: as many as wanted, the same for the same seed."""

import random
from collections.abc import Iterator

CATEGORIES = {
    "circulation pump": ("hot water", "heating", "solar"),
    "submersible pump": ("wells", "drainage", "cellars"),
    "ball valve": ("gas", "drinking water", "compressed air"),
    "hex bolt": ("steel structures", "machines", "decking"),
    "angle grinder": ("metal", "stone", "weld seams"),
    "cordless drill": ("wood", "masonry", "metal sheets"),
    "LED floodlight": ("yards", "building sites", "facades"),
    "copper pipe": ("heating", "refrigeration", "drinking water"),
    "safety glove": ("welding", "assembly", "chemicals"),
    "extension cable": ("gardens", "workshops", "stages"),
    "pressure gauge": ("boilers", "hydraulics", "compressors"),
    "garden hose": ("lawns", "greenhouses", "balconies"),
}
BRANDS = [
    *("Nordfix", "Halvor", "Pumatec", "Grundal", "Ironbark", "Volta", "Kestrel", "Brandis"),
    *("Aquaro", "Tellus", "Sigma", "Meridian", "Oskar", "Fennek", "Lumora", "Ratio"),
]
MATERIALS = ["stainless steel", "brass", "cast iron", "aluminium", "nylon", "zinc plated steel"]
FEATURES = [
    "corrosion resistant",
    "quiet in operation",
    "with a five year warranty",
    "tool-free assembly",
    "energy saving motor",
    "rated for continuous duty",
    "splash proof to IP44",
    "compact design for narrow spaces",
    "spare parts available for ten years",
    "tested at 16 bar",
    "includes mounting kit",
    "suited for professional use every day",
]
FOREIGN = [
    "Насос циркуляційний для опалення, нержавіюча сталь",
    "Кульовий кран для води, латунь",
    "Edelstahl-Umwälzpumpe für Heizungsanlagen, besonders leise",
    "Winkelschleifer für Metall und Stein",
]

Product = tuple[int, str, str, str | None, float | None, bool, int]


def products(count: int, *, seed: int = 20251018) -> Iterator[Product]:
    """(id, name, vendor code, description, price, active, category) of each product."""
    chance = random.Random(seed)
    kinds = list(CATEGORIES)
    for number in range(1, count + 1):
        category = chance.randrange(len(kinds))
        kind, brand = kinds[category], chance.choice(BRANDS)
        size = f"{chance.randint(2, 480)} mm"
        name = f"{brand} {kind} {size}"
        if chance.random() < 0.04:
            name = f"{brand} {chance.choice(FOREIGN)} {size}"
        yield (
            number,
            name,
            f"{brand[:3].upper()}-{100_000 + number}{chance.choice(('', '/A', '-B2', '.X'))}",
            _description(chance, kind) if chance.random() < 0.95 else None,
            round(chance.lognormvariate(3.2, 1.1), 2) if chance.random() < 0.98 else None,
            chance.random() < 0.93,
            category + 1,
        )


def _description(chance: random.Random, kind: str) -> str:
    uses = CATEGORIES[kind]
    said = chance.sample(FEATURES, chance.randint(1, 6))
    return (
        f"{chance.choice(MATERIALS).capitalize()} {kind} for {chance.choice(uses)}: "
        + "; ".join(said)
        + f". Article {chance.randint(10_000, 99_999)}, {chance.randint(1, 40)} pieces a box."
    )
