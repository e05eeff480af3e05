"""The one written sum order: equal to a naive loop bit for bit, on any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon.ir import exact


def floats(seed: int, *shape: int, dtype: type = np.float32, sparse: float = 0.0) -> np.ndarray:
    """Numbers of very different size, so that another order gives other bits."""
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=shape) * 10.0 ** rng.integers(-4, 5, shape)).astype(dtype)
    values[rng.random(shape) < sparse] = 0
    return values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 1, 2), (1000, 1, 2), (5000, 2, 1), (257, 3, 33), (64, 8, 700), (40_000, 1, 3)])
def test_add_reduce_is_strictly_sequential(shape: tuple[int, ...], dtype: type) -> None:
    """numpy promises no order; `exact.affine` needs this one, and must be changed where it does not hold."""
    block = floats(0, *shape, dtype=dtype)
    total = block[0].copy()
    for row in block[1:]:
        total = total + row
    assert np.array_equal(np.add.reduce(block, axis=0), total)


def naive_affine(x: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    zero = x.dtype.type(0)
    y = np.zeros((len(x), len(w)), x.dtype)
    for n in range(len(x)):
        for o in range(len(w)):
            total = (zero if b is None else b[o]) + zero
            for i in range(x.shape[1]):
                total = total + x[n, i] * w[o, i]
            y[n, o] = total
    return y


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(1, 40),
    st.integers(1, 9),
    st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    st.booleans(),
    st.sampled_from([np.float32, np.float64]),
)
def test_affine_equals_a_naive_loop(
    seed: int, n: int, inputs: int, outputs: int, sparse: float, bias: bool, dtype: type
) -> None:
    x, w = floats(seed, n, inputs, dtype=dtype, sparse=sparse), floats(seed + 1, outputs, inputs, dtype=dtype)
    b = floats(seed + 2, outputs, dtype=dtype) if bias else None
    assert same_bits(exact.affine(x, np.ascontiguousarray(w.T), b), naive_affine(x, w, b))


def test_affine_in_chunks_equals_a_naive_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, b = floats(1, 3, 200), floats(2, 7, 200), floats(3, 7)
    for chunk in (1, 21, 50, 1 << 18):
        monkeypatch.setattr(exact, "CHUNK", chunk)
        assert same_bits(exact.affine(x, np.ascontiguousarray(w.T), b), naive_affine(x, w, b))


def test_the_order_matters_on_this_data() -> None:
    """The other tests could not fail if every order gave the same bits."""
    x, w = floats(1, 3, 200), floats(2, 7, 200)
    backwards = naive_affine(x[:, ::-1], w[:, ::-1], None)
    assert not same_bits(backwards, naive_affine(x, w, None))
    assert not same_bits(x @ w.T, naive_affine(x, w, None))


def naive_convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, stride: int, pad: int, dilation: int,
                   groups: int) -> np.ndarray:  # fmt: skip
    """ky, then kx, then input channel; taps in the padding count as zeros."""
    zero = x.dtype.type(0)
    outputs, per_group, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    oh = (padded.shape[2] - dilation * (kh - 1) - 1) // stride + 1
    ow = (padded.shape[3] - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((len(x), outputs, oh, ow), x.dtype)
    for n, o, i, j in np.ndindex(*y.shape):
        total = (zero if b is None else b[o]) + zero
        first = o // (outputs // groups) * per_group
        for ky, kx, c in np.ndindex(kh, kw, per_group):
            total = (
                total + w[o, c, ky, kx] * padded[n, first + c, i * stride + ky * dilation, j * stride + kx * dilation]
            )
        y[n, o, i, j] = total
    return y


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(1, 1, 1), (2, 3, 1), (4, 4, 2), (3, 3, 3), (4, 2, 2)]),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 2),
    st.sampled_from([0.0, 0.9, 1.0]),
    st.booleans(),
)
def test_convolve_equals_a_naive_loop(
    seed: int, channels: tuple[int, int, int], stride: int, pad: int, dilation: int, sparse: float, bias: bool
) -> None:
    inputs, outputs, groups = channels
    x = floats(seed, 2, inputs, 6, 5, sparse=sparse)
    w = floats(seed + 1, outputs, inputs // groups, 3, 2)
    b = floats(seed + 2, outputs) if bias else None
    found = exact.convolve(x, w, b, (stride, stride), ((pad, pad), (pad, pad)), (dilation, dilation), groups)
    assert same_bits(found, naive_convolve(x, w, b, stride, pad, dilation, groups))


def test_skipping_zeros_changes_no_bit() -> None:
    x = floats(5, 4, 300, sparse=0.9)
    x[:, ::3] = -0.0
    w = floats(6, 5, 300)
    b = np.full(5, -0.0, np.float32)
    kept = np.flatnonzero((x != 0).any(axis=0))
    whole = naive_affine(x, w, b)
    assert same_bits(naive_affine(x[:, kept], w[:, kept], b), whole)
    assert same_bits(exact.affine(x, np.ascontiguousarray(w.T), b), whole)


def test_an_accumulator_is_never_minus_zero() -> None:
    b = np.full(2, -0.0, np.float32)
    silent = exact.affine(np.zeros((2, 3), np.float32), -np.ones((3, 2), np.float32), b)
    assert not np.signbit(silent).any()
    minus = exact.affine(np.full((2, 3), -0.0, np.float32), np.ones((3, 2), np.float32), b)
    assert not np.signbit(minus).any()
    silent_map = exact.convolve(
        np.zeros((1, 1, 3, 3), np.float32), -np.ones((2, 1, 2, 2), np.float32), b, (1, 1), ((0, 0), (0, 0)), (1, 1), 1
    )
    assert not np.signbit(silent_map).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 50))
def test_ordered_sum_adds_in_ascending_order(seed: int, length: int) -> None:
    terms = floats(seed, length, 3)
    total = np.zeros(3, np.float32)
    for term in terms:
        total = total + term
    assert same_bits(exact.ordered_sum(terms), total)


def test_taps_count_who_reads_a_position() -> None:
    for size, kernel, stride, begin, dilation in [(5, 3, 1, 1, 1), (7, 2, 3, 0, 2), (4, 3, 2, 2, 1)]:
        out = (size + 2 * begin - dilation * (kernel - 1) - 1) // stride + 1
        expected = [0] * size
        for o in range(out):
            for k in range(kernel):
                if 0 <= o * stride + k * dilation - begin < size:
                    expected[o * stride + k * dilation - begin] += 1
        assert exact.taps(size, out, kernel, stride, begin, dilation).tolist() == expected


def test_per_step_entries_repeat() -> None:
    array = np.arange(3)
    assert [int(exact.at_step(array, True, t)) for t in range(5)] == [0, 1, 2, 0, 1]
    assert exact.at_step(array, False, 4) is array
