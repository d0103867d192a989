"""Where a record was lost and why, in one sentence: what a trace begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.trace.layers import BRONZE, KAFKA, KEY, LEDGER, OBJECTS, SOURCE, STAGING, VECTORS

if TYPE_CHECKING:
    from bictl.trace.report import Layer

_FINE = "it is where it should be"
# The layer above each, as a person names the two sides between which a record can be lost.
_ABOVE = {
    KAFKA: SOURCE,
    OBJECTS: KAFKA,
    LEDGER: OBJECTS,
    BRONZE: OBJECTS,
    KEY: BRONZE,
    STAGING: BRONZE,
    VECTORS: STAGING,
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """`reason` is one word for a program, `between` the two layers where that is so, `command` what
    helps."""

    reason: str
    sentence: str
    between: tuple[str, str] | None = None
    command: str = ""

    @property
    def words(self) -> str:
        """The sentence without its command, which has to stand on a line of its own to be
        copied."""
        said = self.sentence.removesuffix(self.command)
        return said.removesuffix("; run ").removesuffix("; ")


def told(layers: "Sequence[Layer]", *, code: int) -> Told:
    """The sentence; `code` is the trace's exit code."""
    if code == 4:
        return Told(reason="unreachable", sentence="no layer answers")
    if code:
        worst = next(layer for layer in layers if layer.state.exit_code == code)
        return _wrong(worst, layers)
    return _right({layer.name: layer for layer in layers})


def _wrong(layer: "Layer", layers: "Sequence[Layer]") -> Told:
    why = layer.said[0] if layer.said else ""
    lower = BRONZE if layer.name == LEDGER else layer.name
    between = (_ABOVE.get(layer.name, layer.name), lower)
    where = f"between {between[0]} and {between[1]}"
    if layer.name == LEDGER:
        why = f"object {_object(layers)} is not loaded" if layer.state == "missing" else why
    words = {
        "missing": ("missing", f"lost {where}"),
        "lost": ("lost", f"lost {where} for good"),
        "stale": ("stale", f"held back {where}: {lower} still has what was before"),
        "quarantined": ("quarantined", f"held back {where}: in quarantine"),
        "damaged": ("damaged", f"lost in {lower}: damaged"),
        "conflict": ("conflict", f"in doubt in {lower}: two records claim its place"),
    }
    is_unread = layer.state.is_unread
    reason, said = words.get(layer.state.value, (layer.state.value, f"not known in {layer.name}"))
    sentence = ": ".join([said, why] if why else [said])
    if layer.name == OBJECTS and any(one.name == BRONZE and one.state == "found" for one in layers):
        sentence += ", bronze has it"
    if layer.repair:
        sentence += (
            f"; run {layer.repair}" if layer.repair.startswith("bictl ") else f"; {layer.repair}"
        )
    return Told(
        reason=reason,
        sentence=sentence,
        between=None if is_unread else between,
        command=layer.repair,
    )


def _object(layers: "Sequence[Layer]") -> str:
    """The key of the record's object, as far as the layers tell."""
    for layer in layers:
        if layer.name == OBJECTS:
            return str(layer.facts.get("object") or "of the record")
    return "of the record"


def _right(layers: "dict[str, Layer]") -> Told:
    """Nothing is wrong: where it ended, and why not further."""
    waiting = [name for name, layer in layers.items() if layer.state == "not yet"]
    is_above = any(name in (KAFKA, OBJECTS, LEDGER, BRONZE) for name in waiting)
    for name, state, reason, words in _ENDS:
        layer = layers.get(name)
        if layer is None or layer.state != state:
            continue
        if not (is_above and name in (KEY, STAGING)):
            why = layer.said[0] if layer.said else ""
            joint = " " if why.startswith("by ") else ": "
            return Told(reason=reason, sentence=f"{words}{joint}{why}" if why else words)
    if waiting:
        return Told(reason="waiting", sentence=f"on its way: not yet in {', '.join(waiting)}")
    for name, state, reason, words in _NOTES:
        layer = layers.get(name)
        if layer is not None and layer.state == state:
            return Told(reason=reason, sentence=f"{_FINE}; {words}")
    return Told(reason="found", sentence=_FINE)


# Why a record is not further down, the decisive one first: layer, state, reason, words.
_ENDS = (
    (OBJECTS, "acknowledged", "acknowledged", "lost between Kafka and objects, and accepted"),
    (BRONZE, "acknowledged", "acknowledged", "held back before bronze, and accepted"),
    (OBJECTS, "no record", "no record", "there never was a record to carry"),
    (KAFKA, "no record", "no record", "there never was a record to carry"),
    (BRONZE, "pruned", "pruned", "pruned from bronze, after a newer record of its key came"),
    (KEY, "superseded", "overwritten", "overwritten"),
    (STAGING, "closed", "closed", "closed by a snapshot"),
    (STAGING, "deleted", "deleted", "deleted at the source"),
)
_NOTES = (
    (VECTORS, "no text", "no text", "it has no vector because there is no text to embed"),
    (OBJECTS, "expired", "expired", "its object has expired, and bronze keeps the record"),
    (BRONZE, "no key", "no key", "it has no key, so no row and no vector"),
    (KEY, "no key", "no key", "it has no key, so no row and no vector"),
)
