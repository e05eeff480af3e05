"""Networks for the arithmetic: decays, registers that overflow, ties, every reset and comparator, numbers as inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from talon import ir
from talon.engine import Result, run
from talon.hw.integers.arithmetic import MOST_BITS
from talon.hw.integers.record import QuantRecord
from talon.ir.errors import TalonError
from talon.testing.targets.candidate import Candidate
from talon.testing.targets.outcome import Omitted
from talon.testing.targets.trial import Ran, Trial

MOST_STEPS = 600
"""Runs of the kit are not longer."""


def decays(about: Candidate) -> Iterator[Trial | Omitted]:
    """Every time constant from a step to for ever, down to the smallest membranes of both signs."""
    name = "decays to nothing and hardly at all"
    if not about.leaks:
        yield Omitted(name, "its membranes do not decay exponentially")
        return
    taus = np.array([about.tau(tau) for tau in (1.0, 1.5, 2.0, 4.0, 9.0, 30.0, 300.0, 1e6)], np.float32)
    taus = np.tile(taus, 2)
    weight = np.repeat([[1.0], [-1.0]], 8, axis=0).astype(np.float32)
    # A gain of tau, so that all membranes have one unit.
    cell = ir.LIF(taus, taus, 0.0, 8.0, reset=about.resets[0], reset_delay=0, comparator=about.comparator)
    graph = about.chain(1, ir.Affine(weight), cell, 16)
    x = np.zeros((64, 2, 1), np.float32)
    x[:4] = 1
    x[6, 1] = 1
    yield Trial(name, graph, {"input": x}, shows=faded)


def faded(ran: Ran) -> None:
    """That membranes of both signs were left to decay, until some were nothing and others were not."""
    if not isinstance(ran.expected, TalonError):
        v = ran.expected.records["cell.v"][-1, 0]
        for sign, half in (("positive", v[:8]), ("negative", v[8:])):
            assert half.any(), f"all {sign} membranes are gone"
            assert not half.all(), f"no {sign} membrane is gone"


def sums(about: Candidate) -> Iterator[Trial | Omitted]:
    """Sums that leave the accumulator at both ends: by one that the layer narrows, or by many inputs."""
    signs = np.repeat([1.0, -1.0], 3)[:, None].astype(np.float32)
    many, bits = about.limit("inputs", 59), about.weight_bits
    layer = ir.SpikingAffine(signs * np.ones((1, many), np.float32), accumulator_bits=bits, weight_bits=bits)
    narrow = "sums beyond a register that the layer narrows"
    least = about.numeric["weights"]["fewest_bits"].value or 2
    if least <= bits:
        yield overflowing(narrow, about, layer, many, 8, 1.0)
    bits = int(about.numeric["accumulators"]["bits"].value)
    name = "sums beyond the accumulators"
    most = min(about.limit(name, 1024) for name in ("in_axons", "fan_in", "inputs"))
    high, size = 2 ** (bits - 1) - 1, 1
    if carried := about.target.numeric["payload"]["bits"].value:
        # As large as one weight takes to half of the register.
        size = max(1, 2 ** min(int(carried), int(np.log2(max(2, high // 2 // about.most_weight)))) - 1)
    for largest in dict.fromkeys((1, size)):
        # Weights may use half of their range.
        need = 2 * high // (about.most_weight * largest) + 8
        if need <= most:
            fc = ir.Affine(signs * np.ones((1, need), np.float32))
            asked = {} if largest == 1 else {"input_bits": largest.bit_length()}
            yield overflowing(name, about, fc, need, 6, float(largest), **asked)
            return
    yield Omitted(name, f"its {bits} bits hold every sum of the {most} inputs that a neuron can have here")


def overflowing(name: str, about: Candidate, layer: Any, many: int, steps: int, size: float, **asked: Any) -> Trial:
    """A layer that is quantised with one spike at a time, and run with all at once."""
    graph = about.chain(many, layer, about.adder(3.0, reset=about.freest), 6)
    quiet = np.zeros((2, 1, many), np.float32)
    quiet[0, 0, 0] = size
    return Trial(
        name, graph, {"input": np.full((steps, 2, many), size, np.float32)}, {"input": quiet},
        {"method": "max", **asked}, shows=beyond("fc", slice(0, 3), slice(3, 6)),
    )  # fmt: skip


def membranes(about: Candidate) -> Iterator[Trial | Omitted]:
    """Membranes that begin near both ends of their register and are pushed on."""
    name = "membranes beyond their register"
    high = 2 ** (int(about.numeric["membranes"]["bits"].value) - 1) - 1
    many = min(about.limit(name, 400) for name in ("in_axons", "fan_in", "inputs"))
    unit = 2.0**-10
    signs = np.repeat([1.0, -1.0], 2).astype(np.float32)
    size = about.most_weight * unit
    start = (high - 4) * unit
    # Membranes may have a unit of their own, and room to spare.
    steps = int(4 * high // (many * about.most_weight)) + 4
    if steps > MOST_STEPS:
        yield Omitted(name, f"{high:,} is further than {many} inputs push in {MOST_STEPS} steps")
        return
    # Only a neuron that is never reset stays at the upper end.
    free = about.freest == "none"
    cell = about.adder(start, reset=about.freest, v_init=signs * start)
    fc = ir.Affine((signs[:, None] * np.full((1, many), size)).astype(np.float32))
    graph = about.chain(many, fc, cell, 4)
    quiet = np.zeros((2, 1, many), np.float32)
    loud = np.ones((steps, 1, many), np.float32)
    quiet[1, 0, 0] = 1
    ends = (slice(0, 2), slice(2, 4)) if free else (slice(2, 4),)
    yield Trial(name, graph, {"input": loud}, {"input": quiet}, {"method": "max"}, shows=beyond("fc", *ends))


def beyond(node: str, *ends: slice) -> Callable[[Ran], str | None]:
    """That a run met the ends of registers: with wide ones its membranes are others, at each of these neurons."""

    def shows(ran: Ran) -> str | None:
        if isinstance(ran.expected, TalonError):
            return None  # it trapped, and so met an end
        record = QuantRecord.of(ran.quantised)
        numeric = record.arithmetic
        wide = replace(
            numeric, accumulate="exact", accumulators=replace(numeric.accumulators, bits=MOST_BITS),
            membranes=replace(numeric.membranes, bits=MOST_BITS),
        )  # fmt: skip
        changed = replace(record, arithmetic=wide, accumulator_bits={}).as_config()
        other = oracle(ran.quantised.changed(quantization_config=changed), ran)
        for end in ends:
            keys = ("cell.v", "cell.out")
            if all(np.array_equal(other.records[k][..., end], ran.expected.records[k][..., end]) for k in keys):
                return "no number meets the end of its register there"
        return None

    return shows


def oracle(graph: ir.Graph, ran: Ran) -> Result:
    return run(graph, ran.trial.inputs, engine="integer", engine_options={"kernels": "oracle"}, record="*")


def ties(about: Candidate) -> Iterator[Trial | Omitted]:
    """Membranes that are at their threshold, neither above nor below."""
    weight = about.rng.integers(-1, 3, (8, 6)).astype(np.float32)
    for reset in about.resets:
        cell = about.adder(2.0, reset=reset)
        graph = about.chain(6, ir.Affine(weight), cell, 8)
        asked = {"method": "max"}
        yield Trial(f"ties at the threshold, reset {reset}", graph, {"input": about.spikes(24, 2, 6)}, None, asked,
                    shows=tied)  # fmt: skip


def tied(ran: Ran) -> str | None:
    """That the other comparator would give other spikes."""
    if isinstance(ran.expected, TalonError):
        return None
    record = QuantRecord.of(ran.quantised)
    other = {"ge": "gt", "gt": "ge"}[record.arithmetic.comparator]
    arithmetic = replace(record.arithmetic, comparator=other)
    graph = ran.quantised
    for name in ("cell", "last"):
        graph = graph.replace(name, graph.nodes[name].changed(comparator=other))
    found = oracle(graph.changed(quantization_config=replace(record, arithmetic=arithmetic).as_config()), ran)
    same = np.array_equal(found.records["cell.out"], ran.expected.records["cell.out"])
    return "no membrane is equal to its threshold in these integers" if same else None


def resets(about: Candidate) -> Iterator[Trial | Omitted]:
    """Every reset, at once and a step late, of both neurons, with values to be reset to and to begin with."""
    kinds: dict[str, Callable[..., ir.Primitive]] = {
        "IF": partial(ir.IF, 0.9),
        "LIF": partial(ir.LIF, about.tau(3.0), 2.0, 0.0, 0.7),
    }
    for kind, make in kinds.items():
        for reset in about.resets:
            for late in (0, 1):
                for set_to in (0.0, 0.2) if reset == "value" else (0.0,):
                    name = f"{kind}, reset {reset}{f' to {set_to}' if set_to else ''}{', late' if late else ''}"
                    said = {"reset": reset, "reset_delay": late, "comparator": about.comparator}
                    start = {"v_reset": -set_to, "v_init": set_to}
                    graph = ir.Graph.chain(
                        input=ir.Input([8]),
                        fc=ir.Affine(about.normal(6, 8)),
                        cell=make(**said, **start),
                        fc2=ir.Affine(about.normal(4, 6)),
                        cell2=about.cell(0.4),
                        out=ir.Output([4]),
                    )
                    yield Trial(name, graph, {"input": about.spikes(16, 2, 8)}, shows=heard)


def heard(ran: Ran) -> str | None:
    """That neurons spiked."""
    assert isinstance(ran.expected, TalonError) or any(s.any() for s in ran.expected.spikes.values()), "nothing spikes"
    return None


def numbers(about: Candidate) -> Iterator[Trial | Omitted]:
    """Inputs that are numbers, of both signs where spikes carry signs."""
    name, bits = "inputs that are numbers", about.target.numeric["payload"]["bits"].value
    if not bits:
        yield Omitted(name, "its spikes carry no numbers" if bits == 0 else "nobody says what its spikes carry")
        return
    low = -1.0 if about.target.numeric["payload"]["signed"] else 0.0
    x = about.rng.uniform(low, 1, (8, 2, 7)).astype(np.float32)
    graph = about.chain(7, ir.Affine(about.normal(5, 7)), about.cell(), 5)
    for asked in dict.fromkeys((int(bits), max(1, int(bits) // 2))):
        given = {"input_bits": min(asked, 15)}
        yield Trial(f"{name} of {given['input_bits']} bits", graph, {"input": x}, None, given, shows=heard)


MAKERS = (decays, sums, membranes, ties, resets, numbers)
