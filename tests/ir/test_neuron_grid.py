"""Neurons over the full grid of their fields, for equality with a loop over single neurons in plain Python floats.

All numbers are dyadic and the runs short, so that every membrane is exact in float32 too and one answer fits both
dtypes. The loop keeps a pending reset as a flag of its own, where the primitive derives it from the membrane.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from talon import ir

RULES = [*product(["value", "subtract", "none"], [0, 1], ["ge", "gt"])]
VECTOR, MAP = (3,), (2, 2, 3)
STEPS, BATCH = 8, 2

# LIF, beta 1/2: v <- v/2 + x, threshold 1, v_reset 1/4, v_init 3/2, x = 1/4, 0, 1, 1/2. Worked by hand; the membrane
# stands exactly at the threshold in step 0, and begins above it without a reset pending.
BY_HAND = {
    ("value", 0, "ge"): ([1, 0, 1, 0], [0.25, 0.125, 0.25, 0.625]),
    ("value", 0, "gt"): ([0, 0, 1, 0], [1.0, 0.5, 0.25, 0.625]),
    ("value", 1, "ge"): ([1, 0, 1, 0], [1.0, 0.125, 1.0625, 0.625]),
    ("value", 1, "gt"): ([0, 0, 1, 0], [1.0, 0.5, 1.25, 0.625]),
    ("subtract", 0, "ge"): ([1, 0, 1, 0], [0.0, 0.0, 0.0, 0.5]),
    ("subtract", 0, "gt"): ([0, 0, 1, 0], [1.0, 0.5, 0.25, 0.625]),
    ("subtract", 1, "ge"): ([1, 0, 0, 0], [1.0, -0.5, 0.75, 0.875]),
    ("subtract", 1, "gt"): ([0, 0, 1, 0], [1.0, 0.5, 1.25, 0.125]),
    ("none", 0, "ge"): ([1, 0, 1, 1], [1.0, 0.5, 1.25, 1.125]),
    ("none", 0, "gt"): ([0, 0, 1, 1], [1.0, 0.5, 1.25, 1.125]),
    ("none", 1, "ge"): ([1, 0, 1, 1], [1.0, 0.5, 1.25, 1.125]),
    ("none", 1, "gt"): ([0, 0, 1, 1], [1.0, 0.5, 1.25, 1.125]),
}

CHOICES = {
    "tau": [2.0, 4.0, 1.0],
    "r": [2.0, 4.0, 1.0],
    "v_leak": [0.0, 0.25, -0.25],
    "v_threshold": [1.0, 0.5, 1.5],
    "v_reset": [0.0, -0.5, 0.25],
    "v_init": [0.0, 0.5, 2.0],
}
"""Values of the parameters. `v_reset` and `v_init` take each as a scalar in turn; arrays hold all of them."""

FORMS: dict[tuple[int, ...], list[tuple[tuple[int, ...], ...]]] = {
    VECTOR: [((),), ((1,),), ((3,),), ((), (3,))],
    MAP: [((),), ((2,),), (MAP,), ((1, 2, 3),), ((2, 1, 1),), ((1, 1, 3),), ((), (2,), MAP, (1, 2, 1), (1,))],
}
"""By sample: the shapes that parameters have. Several are taken in turn, a different one for each parameter."""


def neuron(x: list[float], p: dict[str, float], rule: tuple[str, int, str]) -> tuple[list[int], list[float]]:
    """One neuron: spikes and stored membranes. No `tau` is an integrate-and-fire neuron."""
    reset, delay, comparator = rule
    v, pending = p["v_init"], False
    spikes, stored = [], []
    for drive in x:
        if pending and reset == "value":
            v = p["v_reset"]
        if "tau" in p:
            beta = 1 - 1 / p["tau"]
            v = beta * v + (1 - beta) * (p["v_leak"] + p["r"] * drive)
        else:
            v = v + p["r"] * drive
        if pending and reset == "subtract":
            v = v - p["v_threshold"]
        fired = v > p["v_threshold"] or (comparator == "ge" and v == p["v_threshold"])
        pending = fired and delay == 1
        if fired and delay == 0:
            v = {"value": p["v_reset"], "subtract": v - p["v_threshold"], "none": v}[reset]
        spikes.append(int(fired))
        stored.append(v)
    return spikes, stored


def at(value: np.ndarray, index: tuple[int, ...]) -> float:
    """A parameter's value for the neuron at `index`: one for all, by channel, or by broadcasting."""
    if value.size == 1:
        return float(value.ravel()[0])
    if value.ndim == 1:
        return float(value[index[0]])
    return float(value[tuple(0 if n == 1 else i for i, n in zip(index, value.shape, strict=True))])


def parameters(names: tuple[str, ...], forms: tuple[tuple[int, ...], ...]) -> Iterator[dict[str, np.ndarray]]:
    """Every choice of `v_reset` and `v_init`, in the forms given; the other parameters go along."""
    for reset, init in product(range(3), range(3)):
        start = {"v_reset": reset, "v_init": init}
        yield {
            name: np.resize(np.roll(CHOICES[name], -start.get(name, reset + init)), forms[n % len(forms)])
            for n, name in enumerate(names)
        }


def drive(sample: tuple[int, ...]) -> np.ndarray:
    """Inputs `(T, B, *sample)` in quarters, so that membranes often stand exactly at a threshold."""
    return np.random.default_rng(sum(sample)).integers(-1, 5, (STEPS, BATCH, *sample)) / 4


def execute(node: ir.Primitive, x: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    ready, x = node.cast(np.dtype(dtype)), x.astype(dtype)
    state = ready.init_state(x.shape[1], (x.shape[2:],), np.dtype(dtype))
    spikes, stored = [], []
    for t, each in enumerate(x):
        spikes.append(ready.step(t, state, each))
        stored.append(state["v"].copy())
    assert spikes[0].dtype == stored[0].dtype == dtype
    return np.stack(spikes), np.stack(stored)


@pytest.mark.parametrize("rule", BY_HAND, ids=lambda rule: "-".join(map(str, rule)))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_hand_with_v_reset_and_v_init(rule: tuple[Any, Any, Any], dtype: type) -> None:
    reset, delay, comparator = rule
    node = ir.LIF(2, 2, 0, 1, v_reset=0.25, v_init=1.5, reset=reset, reset_delay=delay, comparator=comparator)
    x = np.array([0.25, 0, 1, 0.5]).reshape(-1, 1, 1)
    spikes, stored = execute(node, x, dtype)
    assert (spikes.ravel().tolist(), stored.ravel().tolist()) == BY_HAND[rule]
    given = {"tau": 2.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.25, "v_init": 1.5}
    assert neuron(x.ravel().tolist(), given, rule) == BY_HAND[rule]


@pytest.mark.parametrize(
    ("sample", "forms"),
    [pytest.param(s, f, id=f"{s}-{'-'.join(map(str, f))}".replace(" ", "")) for s in FORMS for f in FORMS[s]],
)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join(map(str, rule)))
@pytest.mark.parametrize("kind", [ir.LIF, ir.IF])
def test_against_single_neurons(
    kind: type[ir.Primitive], rule: tuple[Any, Any, Any], sample: tuple[int, ...], forms: tuple[tuple[int, ...], ...]
) -> None:
    names = tuple(CHOICES) if kind is ir.LIF else ("v_threshold", "r", "v_reset", "v_init")
    x = drive(sample)
    for given in parameters(names, forms):
        node = kind(**given, reset=rule[0], reset_delay=rule[1], comparator=rule[2])
        assert node.infer(sample) == sample
        spikes, stored = np.empty(x.shape), np.empty(x.shape)
        for b, *index in np.ndindex(x.shape[1:]):
            place = (slice(None), b, *index)
            values = {name: at(value, tuple(index)) for name, value in given.items()}
            spikes[place], stored[place] = neuron(x[place].tolist(), values, rule)
        assert np.array_equal(stored, stored.astype(np.float32)), "the case is not exact in float32"
        for dtype in (np.float32, np.float64):
            found = execute(node, x, dtype)
            assert np.array_equal(found[0], spikes), (given, dtype)
            assert np.array_equal(found[1], stored), (given, dtype)


@pytest.mark.parametrize("sample", FORMS)
def test_the_drive_tells_all_rules_apart(sample: tuple[int, ...]) -> None:
    """Otherwise the grid would accept one rule for another."""
    cells = drive(sample).reshape(STEPS, -1).T.tolist()
    given = {name: values[0] for name, values in CHOICES.items()} | {"v_reset": 0.25, "v_init": 0.5}
    traces = {rule: [neuron(cell, given, rule) for cell in cells] for rule in RULES}
    same = [(a, b) for a, b in combinations(RULES, 2) if traces[a] == traces[b]]
    assert same == [(("none", 0, c), ("none", 1, c)) for c in ("ge", "gt")]
