"""Neurons against values worked by hand: every reset, delay and comparator, on dyadic numbers, for equality."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from talon import ir

# IF, threshold 1, inputs chosen so that v stands exactly at the threshold at step 1: v = 0.5, 1.0, ...
DRIVE = [0.5, 0.5, 0.5, 1.5, 0.25, 0.5]

# (reset, reset_delay, comparator) -> spikes, worked by hand. v before each test is beside it.
BY_HAND = {
    ("value", 0, "ge"): [0, 1, 0, 1, 0, 0],  # .5 1 .5 2 .25 .75
    ("value", 0, "gt"): [0, 0, 1, 1, 0, 0],  # .5 1 1.5 1.5 .25 .75
    ("subtract", 0, "ge"): [0, 1, 0, 1, 1, 0],  # .5 1 .5 2 1.25 .75
    ("subtract", 0, "gt"): [0, 0, 1, 1, 1, 0],  # .5 1 1.5 2 1.25 .75
    ("none", 0, "ge"): [0, 1, 1, 1, 1, 1],  # .5 1 1.5 3 3.25 3.75
    ("none", 0, "gt"): [0, 0, 1, 1, 1, 1],
    ("value", 1, "ge"): [0, 1, 0, 1, 0, 0],
    ("value", 1, "gt"): [0, 0, 1, 1, 0, 0],
    ("subtract", 1, "ge"): [0, 1, 0, 1, 1, 0],
    ("subtract", 1, "gt"): [0, 0, 1, 1, 1, 0],
    ("none", 1, "ge"): [0, 1, 1, 1, 1, 1],
    ("none", 1, "gt"): [0, 0, 1, 1, 1, 1],
}


@pytest.mark.parametrize("case", BY_HAND)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_if_by_hand(run: Any, case: tuple[str, int, str], dtype: type) -> None:
    reset, delay, comparator = case
    node = ir.IF(1.0, reset=reset, reset_delay=delay, comparator=comparator)  # type: ignore[arg-type]
    spikes = run(node, [[x] for x in DRIVE], dtype=dtype)
    assert spikes.dtype == dtype
    assert spikes[:, 0].tolist() == BY_HAND[case]


def membranes(node: ir.Primitive, drive: list[float]) -> tuple[list[float], list[float]]:
    ready = node.cast(np.dtype(np.float64))
    state = ready.init_state(1, ((1,),), np.dtype(np.float64))
    spikes, stored = [], []
    for t, x in enumerate(drive):
        spikes.append(float(ready.step(t, state, np.array([[x]]))[0, 0]))
        stored.append(float(state["v"][0, 0]))
    return spikes, stored


# LIF with tau 2 (beta 1/2), r 2: v <- v/2 + (v_leak/2 + x). Where leak and reset meet, the delay matters.
def test_lif_reset_at_once_and_a_step_later() -> None:
    now = ir.LIF(2, 2, 0, 1, reset="subtract")
    spikes, stored = membranes(now, [1.5, 0.5, 0.75, 0])
    # 1.5 spikes -> .5; .25+.5 = .75; .375+.75 = 1.125 spikes -> .125; .0625
    assert (spikes, stored) == ([1, 0, 1, 0], [0.5, 0.75, 0.125, 0.0625])
    late = ir.LIF(2, 2, 0, 1, reset="subtract", reset_delay=1)
    # 1.5 spikes; .75+.5-1 = .25 (the threshold comes off after the leak); .125+.75 = .875; .4375
    assert membranes(late, [1.5, 0.5, 0.75, 0]) == ([1, 0, 0, 0], [1.5, 0.25, 0.875, 0.4375])


def test_lif_value_reset_before_the_leak_when_delayed() -> None:
    now = ir.LIF(2, 2, 0, 1, v_reset=0.5)
    # 1.5 spikes -> .5; .25+.5 = .75; .375+1 = 1.375 spikes -> .5; .25
    assert membranes(now, [1.5, 0.5, 1, 0]) == ([1, 0, 1, 0], [0.5, 0.75, 0.5, 0.25])
    late = ir.LIF(2, 2, 0, 1, v_reset=0.5, reset_delay=1)
    # the same spikes; v is stored as it was before the reset
    assert membranes(late, [1.5, 0.5, 1, 0]) == ([1, 0, 1, 0], [1.5, 0.75, 1.375, 0.25])


def test_lif_without_reset_leaks_to_v_leak() -> None:
    node = ir.LIF(2, 2, 1.5, 1, reset="none")
    # v/2 + .75 + x
    assert membranes(node, [0, 0, 0, -1]) == ([0, 1, 1, 0], [0.75, 1.125, 1.3125, 0.40625])


@pytest.mark.parametrize(("reset", "delay"), [*product(["value", "subtract", "none"], [0, 1])])
def test_exactly_at_threshold_only_ge_fires(run: Any, reset: Any, delay: int) -> None:
    for comparator, expected in (("ge", 1), ("gt", 0)):
        node = ir.LIF(4, 4, 0, 1, reset=reset, reset_delay=delay, comparator=comparator)  # type: ignore[arg-type]
        assert run(node, [[1.0]]).tolist() == [[expected]]


@pytest.mark.parametrize(("reset", "delay"), [*product(["value", "subtract", "none"], [0, 1])])
def test_v_init_is_where_it_begins_and_no_spike_is_pending_before(reset: Any, delay: int) -> None:
    node = ir.IF(1.0, v_init=2.0, reset=reset, reset_delay=delay)
    spikes, stored = membranes(node, [0.5])
    assert spikes == [1]
    assert stored == [{("value", 0): 0.0, ("subtract", 0): 1.5}.get((reset, delay), 2.5)]


def test_v_init_and_v_reset_per_channel(run: Any) -> None:
    node = ir.IF([1.0, 2.0], v_init=[0.5, 1.5], v_reset=[-1, 0.5])
    drive = np.full((3, 2, 2), 0.5)
    assert run(node, drive)[:, :, 0].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert membranes(ir.IF(1.0, v_reset=-1.0), [1, 1, 1]) == ([1, 0, 1], [-1, 0, -1])


def test_parameters_lie_along_axis_0_never_the_last(run: Any) -> None:
    node = ir.IF([1.0, 10.0])
    assert run(node, np.ones((1, 2, 2))).tolist() == [[[1, 1], [0, 0]]]
    map_wise = ir.IF(np.array([[1.0, 10.0]]))
    assert run(map_wise, np.ones((1, 2, 2))).tolist() == [[[1, 0], [1, 0]]]


def test_gain_and_leak(run: Any) -> None:
    assert run(ir.IF(1.0, r=0.5), [[1.0], [1.0]]).tolist() == [[0], [1]]
    one = ir.LIF(1, 3, 0, 3)  # tau 1: beta 0, v is r*x alone
    assert run(one, [[1.0], [0.5], [1.0]]).tolist() == [[1], [0], [1]]


def test_beta_is_computed_in_the_dtype_of_the_run(run: Any) -> None:
    node, x = ir.LIF(3, 1, 0, 1, reset="none"), np.float32(0.7)
    beta = np.float32(1) - np.float32(1) / np.float32(3)
    v = np.float32(0)
    ready = node.cast(np.dtype(np.float32))
    state = ready.init_state(1, ((1,),), np.dtype(np.float32))
    for t in range(5):
        v = beta * v + (np.float32(1) - beta) * (np.float32(0) + np.float32(1) * x)
        ready.step(t, state, np.array([[x]], np.float32))
        assert state["v"][0, 0] == v


def test_two_steps_and_two_more_are_four() -> None:
    x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
    for reset, delay in product(["value", "subtract", "none"], [0, 1]):
        node = ir.LIF(2, 2, 0.1, 0.5, reset=reset, reset_delay=delay).cast(np.dtype(np.float32))  # type: ignore[arg-type]
        state = node.init_state(2, ((3,),), np.dtype(np.float32))
        whole = [node.step(t, state, x[t]) for t in range(4)]
        state = node.init_state(2, ((3,),), np.dtype(np.float32))
        first = [node.step(t, state, x[t]) for t in range(2)]
        kept = {name: array.copy() for name, array in state.items()}
        again = first + [node.step(t, kept, x[t]) for t in range(2, 4)]
        assert np.array_equal(whole, again)


def test_subnormal_membranes_become_plus_zero() -> None:
    tiny = float(np.finfo(np.float64).tiny)
    assert membranes(ir.IF(1.0), [tiny / 2])[1] == [0.0]
    assert membranes(ir.IF(1.0), [tiny])[1] == [tiny]
    (zero,) = membranes(ir.IF(1.0), [-tiny / 4])[1]
    assert not np.signbit(zero)
    # also what a reset leaves behind
    assert membranes(ir.IF(tiny, reset="subtract"), [1.5 * tiny]) == ([1], [0.0])
    assert membranes(ir.IF(1.0, v_reset=tiny / 2), [1.0]) == ([1], [0.0])


def test_counts() -> None:
    out = np.array([[1.0, 0, 1], [0, 0, 0]])
    tally = ir.IF(1.0).count((out,), out)
    assert tally["updates"] == 3
    assert tally["spikes"].tolist() == [2, 0]
