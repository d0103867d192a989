"""How long a record took from layer to layer, and that clocks may differ."""

from dataclasses import replace

from bictl.trace.layers import BRONZE, SOURCE, VECTORS, WAY
from bictl.trace.report import Latency, Layer


def timed(layers: list[Layer]) -> tuple[list[Layer], Latency]:
    """The layers with the seconds between them, and the sums from the source."""
    found: list[Layer] = []
    before: Layer | None = None
    for layer in layers:
        on_way = layer.name in WAY and layer.at is not None
        found.append(_after(before, layer) if on_way and before is not None else layer)
        before = layer if on_way else before
    by_name = {layer.name: layer for layer in found if layer.at is not None}
    source = by_name.get(SOURCE)
    return found, Latency(
        to_bronze=_sum(source, by_name.get(BRONZE)), to_vectors=_sum(source, by_name.get(VECTORS))
    )


def _after(before: Layer, layer: Layer) -> Layer:
    """The layer with its distance in time; a word where it lies before the one above it."""
    seconds = _between(before, layer)
    if seconds is None or seconds >= 0:
        return replace(layer, seconds=seconds)
    why = "the clocks differ"
    if layer.name == BRONZE:
        why = f"the object was written again later, or {why}"
    said = f"earlier than in {before.name}: {why}"
    return replace(layer, seconds=seconds, said=(*layer.said, said))


def _between(before: Layer, after: Layer) -> float | None:
    """Seconds; a clock that tells whole seconds only is never behind by a part of one."""
    if before.at is None or after.at is None:
        return None
    seconds = (after.at - before.at).total_seconds()
    if after.whole_seconds and -1 < seconds < 0:
        return 0.0
    return seconds


def _sum(source: Layer | None, layer: Layer | None) -> float | None:
    return None if source is None or layer is None else _between(source, layer)
