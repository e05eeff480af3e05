"""The integer engine in C and its oracle: equal to the bit, whatever rules, kernels, threads and instructions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import Result, run
from talon.hw.integers.arithmetic import DECAYS, ORDERS, OVERFLOWS, ROUNDINGS
from talon.hw.native import library
from tests.hw.test_native import SETS, WAYS, same, same_result

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(6)
ORACLE = {"kernels": "oracle"}


@pytest.fixture(autouse=True)
def widest() -> Iterator[None]:
    yield
    library.library().isa(SETS[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chips")


def chip(folder: Path, **numeric: Any) -> Path:
    """The mesh with other numbers; `a_b=...` stands for `numeric.a.b`."""
    lines = ['inherits = "generic-mesh"', 'target.id = "chip"']
    for key, value in numeric.items():
        path = f"numeric.{key.replace('_', '.')}"
        if isinstance(value, int):
            lines.append(f'{path} = {{ value = {value}, unit = "bit", kind = "assumed", cite = "talon" }}')
        else:
            lines.append(f"{path} = {list(value) if isinstance(value, tuple) else value!r}")
    place = folder / "chip.toml"
    place.write_text("\n".join(lines).replace("'", '"') + "\n")
    return place


def agree(graph: ir.Graph, x: np.ndarray, sets: list[str] = SETS, **options: Any) -> Result:
    """Every way of the library against the oracle; returns the last."""
    expected = run(graph, x, engine="integer", engine_options=ORACLE, **options)
    for isa, way in itertools.product(sets, WAYS):
        library.library().isa(isa)
        found = run(graph, x, engine="integer", **way, **options)
        same_result(found, expected)
    assert any("native" in how for how in found.engine.nodes.values())
    return found


def spikes(*shape: int, rate: float = 0.3) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


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
        "c1": ir.Conv2d(weights(a, 2, 3, 3), weights(a) if rng.integers(2) else None, stride=stride, padding=1),
        "l1": neuron(rng, a, **of_neurons),
        "c2": ir.Conv2d(weights(a, a // groups, 3, 3), padding=1, groups=groups),
        "l2": neuron(rng, a, **of_neurons),
        "join": ir.Concat(2, -3),
        "pool": ir.MaxPool2d(2),
        "c3": ir.Conv2d(weights(b, 2 * a, 1, 1), weights(b)),
        "mean": ir.AvgPool2d(2),
        "l3": neuron(rng, b, **of_neurons),
        "flat": ir.Flatten(),
    }
    places = b * 2 * 2 if stride == 1 else b
    nodes |= {
        "fc": ir.Affine(weights(5, places), weights(5)),
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
            "fc": ir.Affine(weights(7, 11), weights(7)),
            "lif": neuron(rng, 7, **of_neurons),
            "back": ir.Affine(weights(7, 7)),
            "read": ir.Affine(weights(3, 7), weights(3)),
            "out": ir.Output([7]),
            "sums": ir.Output([3]),
        },
        [
            *[("in", "fc"), ("fc", "lif"), ("lif", "back"), ir.Edge("back", "lif", delay=int(rng.integers(1, 3)))],
            *[("lif", "out"), ("lif", "read"), ("read", "sums")],
        ],
        allow_cycles=True,
    )


@pytest.mark.parametrize("build", [maps, loop])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    bits=st.integers(2, 16),
    arithmetic=st.fixed_dictionaries(
        {
            "accumulators_bits": st.integers(8, 32),
            "accumulators_overflow": st.sampled_from(OVERFLOWS[:2]),
            "accumulators_rounding": st.sampled_from(ROUNDINGS),
            "membranes_bits": st.integers(8, 32),
            "membranes_overflow": st.sampled_from(OVERFLOWS[:2]),
            "decay_rule": st.sampled_from(DECAYS),
            "decay_rounding": st.sampled_from(ROUNDINGS),
            "decay_bits": st.integers(1, 15),
            "comparator": st.sampled_from(["ge", "gt"]),
            "order": st.sampled_from(ORDERS),
        }
    ),
)
def test_any_rule(folder: Path, build: Any, seed: int, bits: int, arithmetic: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    graph = build(rng, comparator=arithmetic["comparator"])
    shape = next(iter(graph.inputs.values())).shape
    x = spikes(7, 5, *shape, rate=float(rng.choice([0.05, 0.4])))
    target = chip(folder, weights_bits=max(bits, 2), **arithmetic)
    quantised = hw.quantize(graph, target, calibration=x)
    whole = agree(quantised, x, [str(rng.choice(SETS))], record="*")
    half = run(quantised, x[:3], engine="integer")
    rest = run(quantised, x[3:], engine="integer", state=half.state)
    for name, output in whole.outputs.items():
        assert np.array_equal(np.concatenate([half.outputs[name], rest.outputs[name]]), output)
    for path, values in whole.state.nodes.items():
        same(rest.state.nodes[path], values)
    same(rest.state.delays, whole.state.delays)
