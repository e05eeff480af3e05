"""Networks for integers: random ones of every kind, by hypothesis or by a generator of numbers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from talon import hw, ir
from tests.hw.chips import chip

DECAYS = [
    {"decay__rule": "shift", "decay__rounding": "floor"},
    {"decay__rule": "shift", "decay__rounding": "half_even"},
    {"decay__rule": "shift_at_least_1", "decay__rounding": "floor"},
    {"decay__rule": "multiply", "decay__rounding": "half_up"},
    {"decay__rule": "multiply", "decay__rounding": "half_even", "decay__bits": 6},
]
"""Every rule of decay, with a rounding that it has."""


def weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def neuron(rng: np.random.Generator, channels: int, comparator: str = "ge", decays: bool = True) -> ir.Primitive:
    """Any reset, with parameters for all or for each channel."""
    many = [(), (channels,)][rng.integers(2)]
    reset = str(rng.choice(["value", "subtract", "none"]))
    given: dict[str, Any] = {"reset": reset, "reset_delay": int(rng.integers(2)), "comparator": comparator}
    if reset == "value" and rng.integers(2):
        given["v_reset"] = rng.normal(0, 0.2, many)
    threshold = rng.uniform(0.5, 2, many)
    if not decays or rng.integers(4) == 0:
        return ir.IF(threshold, **given)
    return ir.LIF(rng.uniform(1.2, 30, many), rng.uniform(1, 6), 0.0, threshold, **given)


def maps(rng: np.random.Generator, **of_neurons: Any) -> ir.Graph:
    """Convolutions, pools, a branch that is joined, an affine layer."""
    a, b = int(rng.integers(1, 20)), int(rng.integers(1, 9))
    groups = [1, a][rng.integers(2)]
    stride = int(rng.integers(1, 3))
    nodes: dict[str, Any] = {
        "in": ir.Input([2, 9, 8]),
        "c1": ir.Conv2d(
            weights(rng, a, 2, 3, 3), weights(rng, a) if rng.integers(2) else None, stride=stride, padding=1
        ),
        "l1": neuron(rng, a, **of_neurons),
        "c2": ir.Conv2d(weights(rng, a, a // groups, 3, 3), padding=1, groups=groups),
        "l2": neuron(rng, a, **of_neurons),
        "join": ir.Concat(2, -3),
        "pool": ir.MaxPool2d(2),
        "c3": ir.Conv2d(weights(rng, b, 2 * a, 1, 1), weights(rng, b)),
        "mean": ir.AvgPool2d(2),
        "l3": neuron(rng, b, **of_neurons),
        "flat": ir.Flatten(),
    }
    places = b * 2 * 2 if stride == 1 else b
    nodes |= {
        "fc": ir.Affine(weights(rng, 5, places), weights(rng, 5)),
        "l4": neuron(rng, 5, **of_neurons),
        "out": ir.Output([5]),
    }
    chain = ["in", "c1", "l1", "c2", "l2", "join", "pool", "c3", "l3", "mean", "flat", "fc", "l4", "out"]
    edges = [*itertools.pairwise(chain), ("l1", "join")]
    return ir.Graph(nodes, edges)


def loop(rng: np.random.Generator, **of_neurons: Any) -> ir.Graph:
    """A layer that feeds itself, and one whose sums are an output."""
    return ir.Graph(
        {
            "in": ir.Input([11]),
            "fc": ir.Affine(weights(rng, 7, 11), weights(rng, 7)),
            "lif": neuron(rng, 7, **of_neurons),
            "back": ir.Affine(weights(rng, 7, 7)),
            "read": ir.Affine(weights(rng, 3, 7), weights(rng, 3)),
            "out": ir.Output([7]),
            "sums": ir.Output([3]),
        },
        [
            *[("in", "fc"), ("fc", "lif"), ("lif", "back"), ir.Edge("back", "lif", delay=int(rng.integers(1, 3)))],
            *[("lif", "out"), ("lif", "read"), ("read", "sums")],
        ],
        allow_cycles=True,
    )


SIZES = st.integers(1, 6)


@st.composite
def networks(draw: st.DrawFn) -> tuple[ir.Graph, np.ndarray, hw.Target, dict[str, Any]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = [draw(SIZES) for _ in range(draw(st.integers(2, 4)))]
    nodes: dict[str, ir.Node] = {"in": ir.Input([size[0]])}
    edges: list[Any] = []
    last = "in"
    for k, (before, after) in enumerate(itertools.pairwise(size)):
        gain = draw(st.sampled_from([0.01, 1.0, 50.0]))
        weight = (rng.standard_normal((after, before)) * gain).astype(np.float32)
        bias = rng.standard_normal(after).astype(np.float32) * gain if draw(st.booleans()) else None
        nodes[f"w{k}"] = ir.Affine(weight, bias)
        fields: dict[str, Any] = {
            "reset": draw(st.sampled_from(["value", "subtract", "none"])),
            "reset_delay": draw(st.integers(0, 1)),
            "v_reset": draw(st.sampled_from([0.0, -0.5])),
            "v_init": draw(st.sampled_from([0.0, 0.3])),
        }
        threshold = rng.uniform(0.2, 2, after).astype(np.float32) * gain
        leaky = draw(st.booleans())
        nodes[f"n{k}"] = (
            ir.LIF(rng.uniform(1, 20, after), rng.uniform(0.5, 9, after), rng.normal(0, 0.2), threshold, **fields)
            if leaky
            else ir.IF(threshold, r=draw(st.sampled_from([1.0, 0.3])), **fields)
        )
        edges += [(last, f"w{k}"), ir.Edge(f"w{k}", f"n{k}", delay=draw(st.integers(0, 2)))]
        if draw(st.booleans()):
            nodes[f"r{k}"] = ir.Affine((rng.standard_normal((after, after)) * gain).astype(np.float32))
            edges += [(f"n{k}", f"r{k}"), ir.Edge(f"r{k}", f"n{k}", delay=draw(st.integers(1, 2)))]
        last = f"n{k}"
    nodes["out"] = ir.Output(None)
    edges.append((last, "out"))
    graph = ir.Graph(nodes, edges, allow_cycles=True)
    x = (rng.random((4, 1, size[0])) < 0.5).astype(np.float32)
    changes: dict[str, Any] = draw(st.sampled_from([{}, *DECAYS]))
    target = chip(
        **changes,
        accumulators__overflow=draw(st.sampled_from(["saturate", "wrap"])),
        membranes__overflow=draw(st.sampled_from(["saturate", "wrap"])),
        membranes__bits=draw(st.sampled_from([8, 12, 16, 24])),
        weights__scale=draw(st.sampled_from(["pow2", "float"])),
        accumulate=draw(st.sampled_from(["exact", "sequential_saturate"])),
    )
    asked = {"bits": draw(st.sampled_from([None, 2, 5])), "method": draw(st.sampled_from(["mse", "max", "percentile"]))}
    return graph, x, target, asked
