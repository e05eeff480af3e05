"""Layers of which one unit hears, or stores, more than a core has: their inputs are divided, and partial sums are sent
to where the layer is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from talon.hw.contents import stored_words
from talon.hw.description import Target
from talon.hw.families import Need, Window, one_to_one
from talon.hw.layers import Feeder, Layer
from talon.hw.wiring import Wiring


def divided(layers: Sequence[Layer], wiring: Wiring, target: Target) -> tuple[list[Layer], Mapping[int, str]]:
    """The layers, divided where that is needed and allowed; and for those that would need it and may not be, by their
    number, why not.

    Partial sums must arrive uncut: links need as many bits as the widths of weights say, and sums must be exact, for
    which the target's accumulators may not saturate with every addition.
    """
    if len(target.cores) > 1:
        return list(layers), {}
    found: list[Layer] = []
    refused: dict[int, str] = {}
    for layer in layers:
        counts = [parts_of(layer, feeder, target) for feeder in layer.feeders]
        if max(counts, default=1) == 1:
            found.append(layer)
            continue
        reason = refusal(layer, counts, target)
        if reason is not None:
            refused[len(found)] = reason
            found.append(layer)
            continue
        feeders: list[Feeder] = []
        for feeder, count in zip(layer.feeders, counts, strict=True):
            if count == 1:
                feeders.append(feeder)
                continue
            for part in partial(layer, feeder, count, wiring):
                found.append(part)
                need = one_to_one(None, layer.shape, layer.shape)
                feeders.append(Feeder(feeder.node, need, part.sends[None], feeder.delay, summing=True))
        found.append(replace(layer, feeders=tuple(feeders)))
    return found, refused


def parts_of(layer: Layer, feeder: Feeder, target: Target) -> int:
    """Into how many parts the inputs of a feeder go, so that one unit of each fits into a core."""
    core, one = target.cores[0], (1,) * len(layer.shape)
    if not feeder.need.weights or not divisible(feeder.need):
        return 1
    inputs = inputs_of(feeder.need)
    most = [1]
    if core.in_axons.value is not None:
        heard = len(feeder.wires) * math.prod(feeder.need.most_read(one))
        others = sum(len(f.wires) * math.prod(f.need.most_read(one)) for f in layer.feeders if f is not feeder)
        if heard + others > core.in_axons.value:
            most.append(-(-heard // core.in_axons.value))
    alone = replace(layer, feeders=(feeder,))
    for memory in core.memory:
        words = stored_words(target, memory, alone, one)
        if "weights" in memory.holds and words is not None and memory.words.value and words > memory.words.value:
            most.append(-(-words // memory.words.value))
    return min(max(most), inputs)


def divisible(need: Need) -> bool:
    """Whether all outputs read all channels, so that each part of these makes a layer of its own."""
    window = need.windows[need.channel_axis]
    return window.every >= window.outputs


def inputs_of(need: Need) -> int:
    return need.windows[need.channel_axis].taps


def refusal(layer: Layer, counts: Sequence[int], target: Target) -> str | None:
    """Why a layer may not be divided."""
    if target.numeric["accumulate"] == "sequential_saturate":
        return f"its inputs cannot be divided over cores: accumulators of {target.id} saturate with every addition"
    bits, weights = target.numeric["payload"]["bits"].value, target.width("weights")
    if bits is None or weights is None:
        return None
    many = max(-(-f.fan_in() // n) for f, n in zip(layer.feeders, counts, strict=True) if n > 1)
    need = (many * (2 ** (weights - 1) - 1)).bit_length() + 1
    if need > bits:
        return f"its inputs could be divided over cores if links carried {need} bits (they carry {bits})"
    return None


def partial(layer: Layer, feeder: Feeder, count: int, wiring: Wiring) -> list[Layer]:
    """Layers that each sum a part of the inputs; the first one adds the bias."""
    axis, inputs = feeder.need.channel_axis, inputs_of(feeder.need)
    ends = np.linspace(0, inputs, count + 1).round().astype(int).tolist()
    found = []
    for number, (start, end) in enumerate(pairwise(ends)):
        sends = wiring.added(feeder.node, layer.shape)
        own = Feeder(
            feeder.node,
            part_of(feeder.need, start, end, number == 0),
            feeder.wires.take(np.arange(start, end), axis=axis + 1),
            columns=(start, end),
        )
        label = f"inputs {start} to {end - 1}"
        found.append(
            Layer((feeder.node,), layer.shape, layer.channel_axis, (own,), sends, False, {}, label, layer.core)
        )
    return found


def part_of(need: Need, start: int, end: int, first: bool) -> Need:
    """What outputs need of the channels `start..end`."""
    axis = need.channel_axis
    whole = need.windows[axis]
    window = Window(whole.outputs, end - start, taps=end - start, every=whole.every)
    windows = (*need.windows[:axis], window, *need.windows[axis + 1 :])
    weights = need.weights // whole.taps * (end - start)
    return replace(need, windows=windows, weights=weights, biases=need.biases if first else 0)
