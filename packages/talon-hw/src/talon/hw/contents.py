"""What parts of a layer store, and how many words of a memory that takes."""

from __future__ import annotations

from collections.abc import Mapping

from talon.hw.description import Memory, Target
from talon.hw.layers import Layer
from talon.ir.fields import Shape


def contents(layer: Layer, form: Shape, padding: str | None = "none") -> dict[str, int]:
    """Values stored, by kind, for a part of the layer that is this large along every axis.

    With `padding="pow2"` kernels, channels and the sides of maps are each rounded up to a power of two.
    """
    rounded = pow2 if padding == "pow2" else int
    channels, plane = rounded(form[layer.channel_axis]), 1
    for axis, length in enumerate(form):
        plane *= 1 if axis == layer.channel_axis else rounded(length)
    weights = sum(f.need.weights // f.need.taps * rounded(f.need.taps) for f in layer.feeders)
    own = {kind: layer.per_unit.get(kind, 0) * form[layer.channel_axis] * plane for kind in ("membranes", "parameters")}
    return {"weights": weights * channels, "biases": layer.biases * form[layer.channel_axis], **own}


def pow2(number: int) -> int:
    """The smallest power of two that is not smaller."""
    return 1 << (number - 1).bit_length()


def words(target: Target, memory: Memory, stored: Mapping[str, int]) -> int | None:
    """Words of a memory that these numbers of values take; None where a width they depend on is unknown.

    What is stored beside each value is counted as far as it is known.
    """
    total = 0
    for kind in memory.holds:
        count, sharing = stored.get(kind, 0), share_of_word(target, memory, kind)
        if sharing is not None:
            values, taken = sharing
            total += -(-count // values) * taken
        elif count:
            return None
    return total


def share_of_word(target: Target, memory: Memory, kind: str) -> tuple[int, int] | None:
    """So many values of a kind take so many words; None where it depends on what nobody says."""
    width, bits = target.width(kind), memory.bits.value
    if memory.packing == "single":
        return 1, 1
    if memory.packing is None or width is None or bits is None:
        return None
    width += memory.overhead.value or 0
    return (bits // width, 1) if memory.packing == "packed" and width <= bits else (1, -(-width // bits))


def stored_words(target: Target, memory: Memory, layer: Layer, form: Shape) -> int | None:
    """Words of a memory that a part of the layer of this form takes, its padding included."""
    taken = words(target, memory, contents(layer, form, memory.padding))
    if taken is None or memory.bank is None or memory.bank.value is None:
        return taken
    bank: int = memory.bank.value
    return -(-taken // bank) * bank
