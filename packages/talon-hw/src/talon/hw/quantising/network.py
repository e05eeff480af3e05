"""`quantize`: a network in the integers of a target."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from talon.hw.arguments import expect_graph
from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.legalising import refuse_integers, unheeded
from talon.hw.quantising import hints, widths
from talon.hw.quantising.calibration import calibrate
from talon.hw.quantising.choosing import Asked
from talon.hw.quantising.doubts import QuantisingWarning
from talon.hw.quantising.making import Making
from talon.hw.quantising.scales import METHODS, PERCENTILE
from talon.hw.quantising.structure import folded, structure
from talon.hw.rewrites import rewritten
from talon.hw.rewrites.pass_ import Work
from talon.hw.wiring import wired
from talon.ir.errors import TalonTargetError
from talon.ir.graph import Graph


def quantize(
    graph: Graph,
    target: Target | str | os.PathLike[str] = "generic-mesh",
    *,
    calibration: Any,
    repeat: int | None = None,
    bits: int | None = None,
    method: str = "mse",
    percentile: float | None = None,
    input_bits: int | None = None,
) -> Graph:
    """The network in integers of the target's widths, run by `engine="integer"` to the bit as the target computes.

    `calibration`: a representative input as `run` takes it, with `repeat` as there; it sets the scales of inputs and
    keeps membranes in their registers. `bits`: of weights, by default the target's; what a node says for itself
    (`weight_bits`, a hint such as `weight_t="int4"`) comes first. `method`: how scales of weights are chosen, "mse"
    (least squared error), "max" (none is cut) or "percentile" (of the weights so many are not cut: `percentile`, by
    default 99.9). `input_bits`: for Inputs whose values are not 0 and 1, where the target carries numbers.

    What does not fit integers is rewritten first, as `legalise` does, and gains of neurons go into the weights before
    them; `quantization_ledger` gives a line for every change.

    Warns (`hw.QuantisingWarning`) of weights that got fewer bits than they were to have, and of neurons that never fire
    with the calibration. Raises `TalonTargetError` (T506) for what cannot be quantised, naming the node, and what `run`
    raises.
    """
    expect_graph(graph, "quantize")
    asked = asked_for(bits, method, percentile, input_bits)
    target = find_target(target)
    numeric = widths.arithmetic(target)
    refuse_integers(graph)
    for error in hints.placeless(graph):
        raise error
    wired(
        graph.flatten(), target.noc["pooling"] is True
    )  # what does not hold together is told before anything is changed
    work = rewritten(graph, Work, target)
    # What was inside others is called by its flat name from here on, in recordings too.
    plain = Work(Graph(work.graph.nodes, work.graph.edges, **work.graph.given()), target, work.paths)
    plain.ledger = [*work.ledger, *unheeded(graph, work)]
    folded(plain, numeric)
    plain.running = "quantise"
    found = structure(plain, numeric, bits, plain.log, plain.refuse)
    making = Making(plain, numeric, asked, found)
    quantised = making.quantised(calibrate(plain.graph, calibration, making.keys, repeat))
    for doubt in making.doubts(quantised):
        warnings.warn(doubt, QuantisingWarning, stacklevel=2)
    return quantised


def asked_for(bits: Any, method: Any, percentile: Any, input_bits: Any) -> Asked:
    """What is asked for. Raises `TalonTargetError` (T506) for what is no method, no width or no percentile, or does
    nothing."""
    if method not in METHODS:
        raise TalonTargetError(
            "T506", "there is no such method", expected=" or ".join(map(repr, METHODS)), found=repr(method)
        )
    for name, value in (("bits", bits), ("input_bits", input_bits)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
            raise TalonTargetError(
                "T506", f"{name} is a number of bits", expected="a whole number >= 1, or None", found=repr(value)
            )
    if percentile is None:
        return Asked(bits, method, PERCENTILE, input_bits)
    if isinstance(percentile, bool) or not isinstance(percentile, (int, float)) or not 0 < percentile <= 100:
        raise TalonTargetError("T506", "a percentile is a part of 100", expected="> 0, <= 100", found=repr(percentile))
    if method != "percentile":
        raise TalonTargetError(
            "T506",
            f"the method {method!r} has no percentile",
            expected='method="percentile", or no percentile',
            found=f"method={method!r}, percentile={percentile!r}",
            help='ask for method="percentile", or leave percentile out',
        )
    return Asked(bits, method, float(percentile), input_bits)
