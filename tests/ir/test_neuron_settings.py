"""Every setting of a neuron together: a model of one membrane in exact fractions, for each value of a sample.

Parameters are scalars, one per channel, or spelled out; samples are vectors and maps. All numbers are multiples of
small powers of two, so float32 is exact too, and membranes stand exactly at the threshold again and again.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run

STEPS = 7
SETTINGS = list(product(["value", "subtract", "none"], [0, 1], ["ge", "gt"]))
SHAPES = [(4,), (3, 2, 2)]
CHOICES: dict[str, tuple[float, ...]] = {
    "tau": (1, 2, 4),
    "r": (1, 2, -0.5),
    "v_leak": (0, 0.5, -0.25),
    "v_threshold": (0.5, 1, 0.25),
    "v_reset": (-0.5, 0.25, 0),
    "v_init": (0.5, 1.5, 0),
}


def one_membrane(leaky: bool, p: dict[str, Fraction], how: tuple[str, int, str], drive: list[Fraction]) -> Any:
    """Spikes, the stored v after every step, and how often v stood exactly at the threshold."""
    reset, late, comparator = how
    v, pending, at_threshold = p["v_init"], False, 0
    spikes, stored = [], []
    for x in drive:
        if late and pending and reset == "value":
            v = p["v_reset"]
        if leaky:
            beta = 1 - 1 / p["tau"]
            v = beta * v + (1 - beta) * (p["v_leak"] + p["r"] * x)
        else:
            v = v + p["r"] * x
        if late and pending and reset == "subtract":
            v = v - p["v_threshold"]
        at_threshold += v == p["v_threshold"]
        pending = v > p["v_threshold"] or (comparator == "ge" and v == p["v_threshold"])
        if pending and not late:
            v = {"value": p["v_reset"], "subtract": v - p["v_threshold"], "none": v}[reset]
        spikes.append(int(pending))
        stored.append(v)
    return spikes, stored, at_threshold


def forms(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Scalar without and with an axis, per channel, full, and one that broadcasts."""
    found = [(), (1,), shape[:1], shape]
    return [*found, (1, *shape[1:])] if len(shape) > 1 else found


def parameters(kind: type[ir.Primitive], shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """One form for each parameter, another for each seed."""
    rng = np.random.default_rng(seed)
    names = [name for name in CHOICES if name in kind.fields]
    allowed = forms(shape)
    picked = {name: allowed[(seed + place) % len(allowed)] for place, name in enumerate(names)}
    return {name: rng.choice(np.array(CHOICES[name], float), picked[name]) for name in names}


def spelled_out(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A parameter for every value of a sample: one axis longer than 1 lies along the channels, whatever follows."""
    if value.ndim == 1 and value.size > 1:
        value = value.reshape(-1, *(1,) * (len(shape) - 1))
    elif value.size == 1:
        value = value.reshape(())
    return np.broadcast_to(value, shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [ir.IF, ir.LIF])
@pytest.mark.parametrize("how", SETTINGS, ids=lambda how: "-".join(map(str, how)))
def test_every_setting_follows_the_model(kind: Any, how: tuple[str, int, str], dtype: str) -> None:
    met = fired = 0
    for shape, seed in product(SHAPES, range(6)):
        values = parameters(kind, shape, seed)
        node = kind(**values, reset=how[0], reset_delay=how[1], comparator=how[2])
        graph = ir.Graph.chain(input=ir.Input(shape), neuron=node, output=ir.Output(shape))
        x = np.random.default_rng(seed).integers(-2, 5, (STEPS, 2, *shape)) / 4
        result = run(graph, x, dtype=dtype, record=["neuron.v"])
        full = {name: spelled_out(value, shape) for name, value in values.items()}
        for b, *place in np.ndindex(2, *shape):
            at = tuple(place)
            own = {name: Fraction(float(value[at])) for name, value in full.items()}
            drive = [Fraction(float(value)) for value in x[(slice(None), b, *at)]]
            spikes, stored, exact = one_membrane(kind is ir.LIF, own, how, drive)
            assert result.outputs["output"][(slice(None), b, *at)].tolist() == spikes
            assert result.records["neuron.v"][(slice(None), b, *at)].tolist() == [float(v) for v in stored]
            met, fired = met + exact, fired + sum(spikes)
    assert met > 20
    assert fired > 100


@pytest.mark.parametrize("kind", [ir.IF, ir.LIF])
def test_every_setting_differs_from_every_other(kind: Any) -> None:
    """In spikes or membranes: the test above cannot pass for one that is taken for another.

    Without a reset its delay says nothing.
    """
    seen: dict[tuple[Any, ...], tuple[str, int, str]] = {}
    for how in SETTINGS:
        if how[0] == "none" and how[1]:
            continue
        rng = np.random.default_rng(0)
        everything: list[Any] = []
        for _ in range(60):
            own = {name: Fraction(float(rng.choice(options))) for name, options in CHOICES.items()}
            drive = [Fraction(float(x)) for x in rng.integers(-2, 5, STEPS) / 4]
            spikes, stored, _ = one_membrane(kind is ir.LIF, own, how, drive)
            everything += [*spikes, *stored]
        assert tuple(everything) not in seen, (how, seen[tuple(everything)])
        seen[tuple(everything)] = how
