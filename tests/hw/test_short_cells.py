"""Integer neurons whose membranes are computed in 16 bits: every membrane there can be, against plain arithmetic."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from talon.hw.integers.arithmetic import ORDERS, Arithmetic, Decay, Register
from talon.hw.integers.cells import SHORT, arriving, is_short
from talon.hw.native import library
from tests.hw.test_native import SETS

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

C = library.load()[0]


def numeric(bits: int = 16, overflow: str = "saturate", order: int = 0) -> Arithmetic:
    wide = Register(32, "saturate")
    return Arithmetic(wide, "floor", Register(bits, overflow), None, "ge", "exact", ORDERS[order])


def cell(**changes: Any) -> Any:
    """What the library has to know of a cell."""
    fields = {
        "node": SimpleNamespace(reset="subtract", reset_delay=0, comparator="ge"),
        "decay": Decay("multiply", 12, "rtz"),
        "factor": np.array(2048),
        "threshold": np.array(100),
        "reset": np.array(0),
        "start": np.array(0),
        "shift": 2,
        "input_bound": 1000,
        "input_bits": 32,
    }
    return SimpleNamespace(**(fields | changes))


def computed(v: np.ndarray, x: np.ndarray, piece: Any, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Membranes and spikes after a step, in 64 bits."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    left = v if piece.decay is None else np.sign(v) * (np.abs(v) * piece.factor >> piece.decay.bits)
    u = np.clip(left + (x << piece.shift), low, high)
    fires = u > piece.threshold if piece.node.comparator == "gt" else u >= piece.threshold
    after = u - piece.threshold if piece.node.reset == "subtract" else piece.reset
    return np.where(fires, after, u), fires


def by_library(
    v: np.ndarray, x: np.ndarray, piece: Any, bits: int, period: int
) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """The same by the library: membranes, spikes, how many, and the membranes that it traced."""
    factor = piece.factor if piece.decay is None else piece.factor << (16 - piece.decay.bits)
    parameters = [p.astype(np.int16) for p in np.broadcast_arrays(factor, piece.threshold, piece.reset)]
    if period == 0:
        assert all((p == p.flat[0]).all() for p in parameters)
        parameters = [np.array(p.flat[0]) for p in parameters]
    elif period < v.size:
        parameters = [np.resize(p, period + C.STRIP) for p in parameters]
    alike = all((p == p.flat[0]).all() for p in (piece.factor, piece.reset))
    rule = C.RISES | C.ALIKE * alike | C.TWICE * (arriving(piece) > SHORT)
    rule |= C.SUBTRACT * (piece.node.reset == "subtract") | C.GREATER * (piece.node.comparator == "gt")
    decay = (C.KEEP, 0, C.FLOOR) if piece.decay is None else (C.MULTIPLY, piece.decay.bits, C.RTZ)
    own, y, trace, spikes = v.astype(np.int16), np.empty(v.size, np.uint8), np.empty(v.size, np.int16), np.empty(1, int)
    numbers = (decay, (piece.shift, C.FLOOR), (64, C.SATURATE), (bits, C.SATURATE))
    told = (
        C.CELL,
        1,
        1,
        v.size,
        16,
        rule,
        period,
        1,
        *numbers,
        y,
        own,
        trace,
        spikes,
        *map(np.ascontiguousarray, parameters),
    )
    assert C.neuron(x.astype(np.float32), told) == 0
    return own, y, int(spikes[0]), trace


def agree(piece: Any, bits: int, period: int = 0) -> None:
    """All membranes that there can be with inputs of all kinds."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    v = np.arange(low, high + 1)
    most = piece.input_bound
    near = [most, most - 1, most // 2, (SHORT >> max(piece.shift - 1, 0)) + 1, SHORT >> piece.shift, 1]
    inputs = [0, *(sign * min(size, most) for size in near for sign in (1, -1))]
    for isa in SETS:
        C.isa(isa)
        for each in inputs:
            x = np.full(v.size, each)
            expected, fires = computed(v, x, piece, bits)
            found, y, spikes, trace = by_library(v, x, piece, bits, period)
            assert np.array_equal(found, expected)
            assert np.array_equal(trace, expected)
            assert np.array_equal(y, fires)
            assert spikes == fires.sum()
    C.isa(SETS[-1])


@settings(max_examples=60, deadline=None)
@given(
    bits=st.integers(8, 16),
    decay_bits=st.one_of(st.none(), st.integers(1, 15)),
    share=st.floats(0, 1),
    shift=st.integers(0, 15),
    bound=st.integers(1, 1 << 17),
    threshold=st.integers(0, SHORT),
    reset=st.integers(-SHORT, SHORT),
    rule=st.sampled_from(["subtract", "value"]),
    comparator=st.sampled_from(["ge", "gt"]),
)
def test_every_membrane(
    bits: int,
    decay_bits: int | None,
    share: float,
    shift: int,
    bound: int,
    threshold: int,
    reset: int,
    rule: str,
    comparator: str,
) -> None:
    decay = None if decay_bits is None else Decay("multiply", decay_bits, "rtz")
    piece = cell(
        node=SimpleNamespace(reset=rule, reset_delay=0, comparator=comparator),
        decay=decay,
        factor=np.array(0 if decay_bits is None else int(share * ((1 << decay_bits) - 1))),
        threshold=np.array(threshold),
        reset=np.array(reset),
        shift=shift,
        input_bound=bound,
    )
    assume(is_short(piece, numeric(bits)))
    agree(piece, bits)


@pytest.mark.parametrize("bound", [511, 512, 1 << 20])
@pytest.mark.parametrize("factor", [0, 1, 2048, 4080])
def test_inputs_about_the_largest_half(bound: int, factor: int) -> None:
    """A shift by 7: the largest half is 511."""
    agree(cell(factor=np.array(factor), shift=7, input_bound=bound, threshold=np.array(SHORT)), 16)


def test_which_inputs_are_taken_by_halves() -> None:
    """As long as twice the largest half takes what is left of any membrane beyond the other end."""
    for shift, factor, short in (
        (1, 4095, True),
        (3, 4095, True),
        (4, 4094, True),
        (4, 4095, False),
        (7, 4080, True),
        (7, 4081, False),
    ):
        assert is_short(cell(shift=shift, factor=np.array(factor), input_bound=1 << 20), numeric()) == short
    assert not is_short(cell(shift=0, input_bound=SHORT + 1), numeric())
    assert is_short(cell(shift=0, input_bound=SHORT), numeric())
    # A membrane that is kept whole has no room for it.
    assert not is_short(cell(decay=None, shift=2, input_bound=1 << 20), numeric())
    assert is_short(cell(decay=None, shift=2, input_bound=SHORT >> 2), numeric())


@pytest.mark.parametrize("period", ["size", 24, 512])
@pytest.mark.parametrize("many", ["thresholds", "all"])
@pytest.mark.parametrize("comparator", ["ge", "gt"])
@pytest.mark.parametrize("rule", ["subtract", "value"])
def test_parameters_of_their_own(rule: str, comparator: str, many: str, period: Any) -> None:
    rng = np.random.default_rng(3)
    size = 1 << 16
    count = size if period == "size" else period

    def every(low: int, high: int, own: bool) -> np.ndarray:
        return rng.integers(low, high, count if own else ())

    piece = cell(
        node=SimpleNamespace(reset=rule, reset_delay=0, comparator=comparator),
        threshold=every(0, SHORT, own=True),
        factor=every(0, 4095, own=many == "all"),
        reset=every(-SHORT, SHORT, own=many == "all"),
        input_bound=1 << 14,
    )
    # As the library repeats them.
    v = np.arange(-(1 << 15), 1 << 15)
    whole = cell(
        **{**vars(piece), **{name: np.resize(getattr(piece, name), size) for name in ("threshold", "factor", "reset")}}
    )
    assert is_short(piece, numeric())
    x = rng.integers(-piece.input_bound, piece.input_bound, size)
    expected, fires = computed(v, x, whole, 16)
    for isa in SETS:
        C.isa(isa)
        found, y, spikes, _ = by_library(v, x, piece, 16, count)
        assert np.array_equal(found, expected)
        assert np.array_equal(y, fires)
        assert spikes == fires.sum()
    C.isa(SETS[-1])


WIDER: list[tuple[dict[str, Any], Arithmetic]] = [
    ({}, numeric(17)),
    ({}, numeric(overflow="wrap")),
    ({}, numeric(order=1)),
    ({"node": SimpleNamespace(reset="none", reset_delay=0, comparator="ge")}, numeric()),
    ({"node": SimpleNamespace(reset="value", reset_delay=1, comparator="ge")}, numeric()),
    ({"shift": -1}, numeric()),
    ({"input_bits": 8}, numeric()),
    ({"threshold": np.array([5, -1])}, numeric()),
    ({"threshold": np.array([5, SHORT + 1])}, numeric()),
    ({"reset": np.array([0, -SHORT - 1])}, numeric()),
    ({"start": np.array([0, SHORT + 1])}, numeric()),
    ({"factor": np.array([1, 4096])}, numeric()),
    ({"decay": Decay("multiply", 12, "half_even")}, numeric()),
    ({"decay": Decay("shift", 0, "rtz")}, numeric()),
]


@pytest.mark.parametrize(("changes", "arithmetic"), WIDER)
def test_what_needs_more_than_sixteen_bits(changes: dict[str, Any], arithmetic: Arithmetic) -> None:
    assert is_short(cell(), numeric())
    assert not is_short(cell(**changes), arithmetic)


def test_others_of_sixteen_bits_are_refused() -> None:
    x, y, v, spikes, one = (
        np.zeros(3, np.float32),
        np.zeros(3, np.uint8),
        np.zeros(3, np.int16),
        np.zeros(1, int),
        np.ones(1, np.int16),
    )
    right = [C.CELL, 1, 1, 3, 16, C.RISES, 0, 1, (C.MULTIPLY, 12, C.RTZ), (0, 0), (64, 0), (16, C.SATURATE)]
    arrays = [y, v, None, spikes, one, one, one]
    assert C.neuron(x, (*right, *arrays)) == 0
    for place, wrong in (
        (4, 8),
        (5, 0),
        (5, C.RISES | C.LATE),
        (5, C.RISES | C.NO_RESET),
        (5, C.RISES | C.INPUT_FIRST),
        (5, C.RISES | C.TWICE),
        (8, (C.SHIFT, 0, C.RTZ)),
        (8, (C.MULTIPLY, 16, C.RTZ)),
        (9, (-1, 0)),
        (9, (16, 0)),
        (11, (17, C.SATURATE)),
        (11, (16, C.WRAP)),
    ):
        with pytest.raises(ValueError, match="no such integer neurons"):
            C.neuron(x, (*right[:place], wrong, *right[place + 1 :], *arrays))
    with pytest.raises(ValueError, match="v: expected 6 bytes"):
        C.neuron(x, (*right, y, v.astype(np.int32), *arrays[2:]))
