"""Random networks, rules and cuts: deployed builds give the same bits as the integer engine."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.hw.integers.arithmetic import ACCUMULATIONS, DECAYS, ORDERS, OVERFLOWS, ROUNDINGS
from talon.hw.integers.record import QuantRecord
from talon.testing import layers
from talon.testing.graphs import feeds, random_graph
from talon.testing.layers import Dice
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import ANYWHERE, ROOMY, agree
from tests.hw.integer_networks import loop, maps, networks

CHECKED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}
SIZES = st.sampled_from([1, 2, 7, 40, 10**6])
RULES = st.fixed_dictionaries(
    {
        "weights__bits": st.integers(2, 16),
        "accumulators__bits": st.integers(8, 32),
        "accumulators__overflow": st.sampled_from(OVERFLOWS[:2]),
        "accumulators__rounding": st.sampled_from(ROUNDINGS),
        "membranes__bits": st.integers(8, 32),
        "membranes__overflow": st.sampled_from(OVERFLOWS[:2]),
        "decay__rule": st.sampled_from(DECAYS),
        "decay__rounding": st.sampled_from(ROUNDINGS),
        "decay__bits": st.integers(1, 15),
        "comparator": st.sampled_from(["ge", "gt"]),
        "order": st.sampled_from([f"[{', '.join(map(repr, order))}]" for order in ORDERS]),
        "accumulate": st.sampled_from(ACCUMULATIONS),
    }
)


def cores(size: int) -> dict[str, int]:
    return {**ROOMY, "neurons": size}


@given(drawn=networks(), size=SIZES, rated=st.booleans())
@settings(max_examples=40, **CHECKED)  # type: ignore[arg-type]
def test_small_networks(drawn: Any, size: int, rated: bool) -> None:
    """With recurrence and delays, for any arithmetic, with rates of a calibration and without."""
    graph, x, target, asked = drawn
    quantised = hw.quantize(graph, target, calibration=x, **asked)
    numeric = QuantRecord.of(quantised).arithmetic.as_dict()
    narrow = chip(cores(size), **said(numeric), payload__bits=32, **ANYWHERE)
    ((build, _),) = agree(quantised, x, [narrow], **({"calibration": x} if rated else {}))
    assert not rated or build.verify()


def said(numeric: dict[str, Any]) -> dict[str, Any]:
    """What `chip` takes, of an arithmetic that a graph carries."""
    found: dict[str, Any] = {"accumulate": numeric["accumulate"]}
    for register in ("accumulators", "membranes"):
        found |= {
            f"{register}__bits": numeric[register]["bits"],
            f"{register}__overflow": numeric[register]["overflow"],
        }
    found["accumulators__rounding"] = numeric["rounding"]
    return found | {f"decay__{key}": value for key, value in numeric["decay"].items()}


@pytest.mark.parametrize("make", [maps, loop])
@given(seed=st.integers(0, 10**6), size=SIZES, rules=RULES)
@settings(max_examples=10, **CHECKED)  # type: ignore[arg-type]
def test_any_rule(make: Any, seed: int, size: int, rules: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    graph = make(rng, comparator=rules["comparator"])
    (port,) = graph.inputs.values()
    x = (rng.random((5, 2, *port.shape)) < rng.choice([0.05, 0.4])).astype(np.float32)
    size = size if make is loop or size > 7 else 100
    target = chip(cores(size), **rules, payload__bits=32, **ANYWHERE)
    agree(hw.quantize(graph, target, calibration=x), x, [target])


def neuron(dice: Dice, shape: tuple[int, ...]) -> ir.Node | None:
    """A neuron that leaves its gain to nobody."""
    made: Any = layers.neuron(dice, shape)
    return made.changed(r=np.ones((), np.float32), comparator="ge") if isinstance(made, ir.IF) else None


WOVEN = (neuron, layers.affine, neuron, layers.convolution, neuron, layers.depthwise, layers.pool, layers.flattened,
         layers.passed)  # fmt: skip


@given(
    source=st.randoms(use_true_random=False),
    seed=st.integers(0, 10**6),
    size=SIZES,
    axons=st.sampled_from([20, 10**6]),
)
@settings(max_examples=60, **CHECKED)  # type: ignore[arg-type]
def test_any_graph(source: random.Random, seed: int, size: int, axons: int) -> None:
    """Of all graphs those that can be quantised and fit: nested, with joins, splits, feedback and dead branches."""
    graph = random_graph(source, layers=WOVEN)
    x = feeds(graph, seed, steps=4)
    target = chip({**cores(size), "in_axons": axons}, payload__bits=40, **ANYWHERE)
    try:
        quantised = hw.quantize(graph, target, calibration=x)
        hw.run(quantised, x, engine="integer")
    except (ir.TalonError, ValueError, KeyError, RecursionError):
        # For those who quantise.
        assume(False)
    if fits(quantised, target):
        agree(quantised, x, [target])
    else:
        assert axons == 20


def fits(quantised: ir.Graph, target: hw.Target) -> bool:
    try:
        hw.deploy(quantised, target)
    except ir.TalonTargetError as error:
        if error.code == "T503":
            return False
        raise
    return True
